with articles as (
    select *
    from {{ ref('int_news__live_articles') }}
    where can_lead
),

editions as (
    select 'world' as edition
    union
    select country
    from articles
    where country is not null
),

-- an outlet speaks once, with the first it said: who repeats himself is neither many nor new
voices as (
    select
        story_id,
        outlet,
        min(country) as country,
        min(published_at) as published_at
    from articles
    group by story_id, outlet
),

coverage as (
    select
        editions.edition,
        voices.story_id,
        count(*) as outlets,
        count(distinct voices.country) as countries,
        count(*) filter (where voices.country = editions.edition) as local_outlets,
        max(voices.published_at) as newest_at
    from voices
    cross join editions
    group by editions.edition, voices.story_id
),

recent as materialized (
    select article_id, country, shown, read, hour
    from {{ ref('int_news__interest') }}
    where occurred_on >= cast({{ edition_hour() }} as date) - {{ reach_days() }}
),

reading as (
    select
        articles.story_id,
        recent.country,
        sum(recent.shown) as shown,
        sum(recent.read) as read
    from recent
    inner join articles on recent.article_id = articles.article_id
    where recent.hour <= {{ edition_hour() }}
    group by articles.story_id, recent.country
),

interest as (
    select
        editions.edition,
        reading.story_id,
        sum(reading.shown) as shown,
        sum(reading.read) as read
    from reading
    inner join editions on editions.edition in ('world', reading.country)
    group by editions.edition, reading.story_id
),

usual as (
    select
        edition,
        sum(read) / cast(greatest(sum(shown), 1) as double) as share
    from interest
    group by edition
),

final as (
    select
        coverage.edition,
        coverage.story_id,
        coverage.outlets,
        coverage.countries,
        coverage.local_outlets,
        coverage.newest_at,
        coalesce(interest.shown, 0) as shown,
        coalesce(interest.read, 0) as read,
        -- what few saw says little: twenty readers who behave as usual are added to each
        (coalesce(interest.read, 0) + 20 * coalesce(usual.share, 0)) / (coalesce(interest.shown, 0) + 20) as interest
    from coverage
    left join interest on coverage.edition = interest.edition and coverage.story_id = interest.story_id
    left join usual on coverage.edition = usual.edition
    where coverage.edition = 'world' or coverage.local_outlets > 0 or interest.read > 0
)

select * from final
