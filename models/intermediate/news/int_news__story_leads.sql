with articles as (
    select *
    from {{ ref('int_news__live_articles') }}
    where can_lead
),

editions as (
    select distinct edition from {{ ref('int_news__edition_stories') }}
),

numbered as (
    select
        story_id,
        article_id,
        country,
        row_number() over (partition by story_id order by published_at, article_id) as of_story,
        row_number() over (partition by story_id, country order by published_at, article_id) as of_country
    from articles
),

firsts as (
    select story_id, article_id
    from numbered
    where of_story = 1
),

-- an edition hears a story from its own country, if somebody there tells it
local_firsts as (
    select story_id, country, article_id
    from numbered
    where of_country = 1
),

leads as (
    select
        editions.edition,
        firsts.story_id,
        coalesce(local_firsts.article_id, firsts.article_id) as article_id
    from firsts
    cross join editions
    left join local_firsts on firsts.story_id = local_firsts.story_id and editions.edition = local_firsts.country
),

corrections as (
    select
        corrections.correction_of as article_id,
        arg_max(corrections.title, concat(corrections.published_at, corrections.article_id)) as title,
        arg_max(corrections.url, concat(corrections.published_at, corrections.article_id)) as url
    from {{ ref('int_news__live_articles') }} as corrections
    where corrections.correction_of is not null
    group by corrections.correction_of
),

final as (
    select
        leads.edition,
        leads.story_id,
        leads.article_id,
        articles.title,
        articles.url,
        articles.outlet,
        articles.section,
        articles.language,
        articles.published_at,
        corrections.title as correction_title,
        corrections.url as correction_url
    from leads
    inner join articles on leads.article_id = articles.article_id
    left join corrections on leads.article_id = corrections.article_id
)

select * from final
