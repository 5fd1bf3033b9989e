with recursive asked as (
    select correction_of as article_id
    from {{ ref('int_news__versions') }}
    where correction_of is not null and published_on >= cast({{ edition_hour() }} as date) - {{ reach_days() }}
    union
    select article_id from {{ ref('int_news__overrides') }}
    union
    select other_article_id from {{ ref('int_news__overrides') }}
),

pointed_at as materialized (
    select article_id, story_id, hour
    from {{ ref('int_news__stories') }}
    where article_id in (select asked.article_id from asked)
),

-- what came to its story in the last days, and of what is older only what somebody points at
steps as (
    select article_id, story_id, hour
    from {{ ref('int_news__stories') }}
    where
        hour > {{ edition_hour() }} - interval {{ var('story_reach_hours') }} hour
        and hour <= {{ edition_hour() }}
    union
    select article_id, story_id, hour
    from pointed_at
    where hour <= {{ edition_hour() }}
),

folded as (
    select article_id, arg_max(story_id, hour) as story_id
    from steps
    group by article_id
),

-- the newest decision to take an article out of its story gives it one of its own
splits as (
    select article_id, concat(strftime(max(decided_at), '%Y%m%dT%H-'), substr(md5(max(override_id)), 1, 8)) as story_id
    from {{ ref('int_news__overrides') }}
    where action = 'split'
    group by article_id
),

as_split as (
    select folded.article_id, coalesce(splits.story_id, folded.story_id) as story_id
    from folded
    left join splits on folded.article_id = splits.article_id
),

joinings as (
    select distinct
        least(former.story_id, latter.story_id) as story_id,
        greatest(former.story_id, latter.story_id) as former_story_id
    from {{ ref('int_news__overrides') }} as overrides
    inner join as_split as former on overrides.article_id = former.article_id
    inner join as_split as latter on overrides.other_article_id = latter.article_id
    where overrides.action = 'merge' and former.story_id <> latter.story_id
),

edges as (
    select story_id as one, former_story_id as other from joinings
    union
    select former_story_id, story_id from joinings
),

-- merges may follow upon joinings: the oldest story that can be reached gives the id
reached as (
    select one as story_id, other as into_story from edges
    union
    select reached.story_id, edges.other
    from reached
    inner join edges on reached.into_story = edges.one
),

oldest as (
    select story_id, min(into_story) as into_story
    from reached
    group by story_id
),

final as (
    select
        as_split.article_id,
        least(as_split.story_id, coalesce(oldest.into_story, as_split.story_id)) as story_id
    from as_split
    left join oldest on as_split.story_id = oldest.story_id
)

select * from final
