with stories as (
    select
        stories.*,
        leads.article_id,
        leads.title,
        leads.url,
        leads.outlet,
        leads.section,
        leads.language,
        leads.published_at,
        leads.correction_title,
        leads.correction_url,
        greatest(
            date_diff('second', stories.newest_at, {{ edition_hour() }} + interval 1 hour), 0
        ) / 3600.0 as age_hours
    from {{ ref('int_news__edition_stories') }} as stories
    inner join {{ ref('int_news__story_leads') }} as leads
        on stories.edition = leads.edition and stories.story_id = leads.story_id
),

formula as (
    select max(formula) as formula
    from {{ ref('headline_ranking') }}
    where is_used
),

scored as (
    select
        stories.*,
        formula.formula,
        {{ ranking_score('formula.formula') }} as raw_score
    from stories
    cross join formula
),

weights as (
    select replace(parameter, 'section ', '') as section, value as weight
    from {{ ref('headline_ranking') }}
    where formula = 'nightshift' and parameter like 'section %'
),

pinned as (
    select distinct stories.story_id, pins.country
    from {{ ref('int_news__overrides') }} as pins
    inner join {{ ref('int_news__article_stories') }} as stories on pins.article_id = stories.article_id
    where pins.action = 'pin' and (pins.expires_at is null or pins.expires_at > {{ edition_hour() }})
),

editions as (
    select distinct edition from scored
),

pinned_there as (
    select distinct editions.edition, pinned.story_id
    from pinned
    inner join editions
        on pinned.country is null or pinned.country = editions.edition
),

final as (
    select
        scored.edition,
        scored.story_id,
        scored.article_id,
        scored.title,
        scored.url,
        scored.outlet,
        scored.section,
        scored.language,
        scored.published_at,
        scored.correction_title,
        scored.correction_url,
        scored.outlets,
        scored.countries,
        scored.local_outlets,
        scored.shown,
        scored.read,
        scored.age_hours,
        scored.formula,
        pinned_there.story_id is not null as is_pinned,
        cast(round(
            scored.raw_score * case when scored.formula = 'nightshift' then coalesce(weights.weight, 1) else 1 end, 6
        ) as decimal(18, 6)) as score
    from scored
    left join weights on scored.section = weights.section
    left join pinned_there on scored.edition = pinned_there.edition and scored.story_id = pinned_there.story_id
)

select * from final
