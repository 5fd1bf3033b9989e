with newest as (
    select
        *,
        row_number() over (partition by article_id order by updated_at desc) as newest_first
    from {{ ref('int_news__versions') }}
    where
        updated_at < {{ edition_hour() }} + interval 1 hour
        and published_on >= cast({{ edition_hour() }} as date) - {{ reach_days() }}
),

banned as (
    select distinct article_id
    from {{ ref('int_news__overrides') }}
    where action = 'ban'
),

final as (
    select
        newest.article_id,
        -- a correction belongs to the story it corrects, whatever its words
        coalesce(corrected.story_id, stories.story_id) as story_id,
        newest.outlet,
        newest.title,
        newest.url,
        newest.language,
        newest.country,
        newest.section,
        newest.published_at,
        newest.correction_of,
        newest.correction_of is null and not newest.is_retracted and banned.article_id is null as can_lead
    from newest
    inner join {{ ref('int_news__article_stories') }} as stories on newest.article_id = stories.article_id
    left join {{ ref('int_news__article_stories') }} as corrected on newest.correction_of = corrected.article_id
    left join banned on newest.article_id = banned.article_id
    where
        newest.newest_first = 1
        and newest.seen_hour > {{ edition_hour() }} - interval {{ var('story_reach_hours') }} hour
)

select * from final
