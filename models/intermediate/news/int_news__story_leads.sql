with editions as (
    select distinct edition from {{ ref('int_news__edition_stories') }}
),

ranked as (
    select
        editions.edition,
        articles.story_id,
        articles.article_id,
        articles.title,
        articles.url,
        articles.outlet,
        articles.section,
        articles.language,
        articles.published_at,
        row_number() over (
            partition by editions.edition, articles.story_id
            order by
                case when articles.country = editions.edition then 0 else 1 end,
                articles.published_at,
                articles.article_id
        ) as place
    from {{ ref('int_news__live_articles') }} as articles
    cross join editions
    where articles.can_lead
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
        ranked.edition,
        ranked.story_id,
        ranked.article_id,
        ranked.title,
        ranked.url,
        ranked.outlet,
        ranked.section,
        ranked.language,
        ranked.published_at,
        corrections.title as correction_title,
        corrections.url as correction_url
    from ranked
    left join corrections on ranked.article_id = corrections.article_id
    where ranked.place = 1
)

select * from final
