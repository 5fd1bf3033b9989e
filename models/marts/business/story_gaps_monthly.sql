{{ config(
    day='month', unit='month', reads={'stg_newsroom__articles': 'day', 'stg_newsroom__reader_events': 'day'}
) }}
-- Whoever the newsroom counts as a reader is no member: nothing here is of people.
with articles as (

    select
        article_id,
        min(cast(date_trunc('month', published_on) as date)) as month,
        min(section) as section,
        min(language) as language
    from {{ ref('stg_newsroom__articles') }}
    where {{ stale_days('published_on') }}
    group by article_id

),

events as (

    select
        article_id,
        cast(date_trunc('month', occurred_on) as date) as month,
        max(case when event = 'read' then 1 else 0 end) as is_read
    from {{ ref('stg_newsroom__reader_events') }}
    where {{ stale_days('occurred_on') }}
    group by article_id, cast(date_trunc('month', occurred_on) as date)

)

select
    articles.month,
    articles.section,
    articles.language,
    count(*) as articles,
    count(case when events.article_id is null then 1 end) as articles_not_shown,
    count(case when events.is_read = 0 then 1 end) as articles_not_opened
from articles
left join events
    on events.article_id = articles.article_id
    and events.month = articles.month
group by articles.month, articles.section, articles.language
