{{ config(materialized='whole') }}
-- Who is due gets tonight's list (./nightshift recommend hands it over); everybody else keeps the one that was served.
with as_of as (

    select
        max(horizon.on_date) as recommended_on,
        (select max(scored.model_version) from {{ ref('int_discovery__scored') }} as scored) as model_version
    from {{ source('ops', 'horizon') }} as horizon

),

tonight as (

    select
        due.account_id,
        lists.rank,
        tracks.track_id,
        tracks.artist_id,
        cast(lists.score as double) as score,
        case
            when second_reason.track_id is not null then concat(first_reason.track_id, '|', second_reason.track_id)
            else first_reason.track_id
        end as reason_track_ids,
        case
            when second_reason.track_id is not null
                then concat('because you play ', first_reason.title, ' and ', second_reason.title)
            when first_reason.track_id is not null then concat('because you play ', first_reason.title)
            when lists.choice = 1 then 'close to what you play'
            when lists.is_new_release then 'new and popular in your country'
            else 'popular in your country'
        end as reason_text,
        case when lists.choice = 1 then as_of.model_version else 'popular' end as model_version,
        as_of.recommended_on,
        due.is_holdout,
        false as is_served
    from {{ ref('int_discovery__lists') }} as lists
    inner join {{ ref('int_discovery__due_listeners') }} as due on due.listener_no = lists.listener_no
    inner join {{ ref('int_discovery__tracks') }} as tracks on tracks.track_no = lists.track_no
    left join {{ ref('int_discovery__reasons') }} as reasons
        on reasons.listener_no = lists.listener_no
        and reasons.rank = lists.rank
    left join {{ ref('int_discovery__tracks') }} as first_reason on first_reason.track_no = reasons.first_no
    left join {{ ref('int_discovery__tracks') }} as second_reason on second_reason.track_no = reasons.second_no
    cross join as_of

),

kept as (

    select
        served.account_id,
        served.rank,
        served.track_id,
        tracks.artist_id,
        cast(served.score as double) as score,
        served.reason_ids as reason_track_ids,
        served.reason_text,
        served.model_version,
        served.served_on as recommended_on,
        served.is_holdout,
        true as is_served
    from {{ ref('int_discovery__served') }} as served
    inner join {{ ref('dim_member') }} as members on members.account_id = served.account_id
    inner join {{ ref('dim_track') }} as tracks on tracks.track_id = served.track_id
    left join {{ ref('int_discovery__due_listeners') }} as due on due.account_id = served.account_id
    where
        due.account_id is null
        and members.closed_on is null and members.removed_on is null
        and tracks.taken_down_at is null and tracks.removed_on is null

),

all_lists as (

    select * from tonight
    union all
    select * from kept

)

select
    account_id,
    rank,
    track_id,
    artist_id,
    score,
    reason_track_ids,
    reason_text,
    model_version,
    recommended_on,
    is_holdout,
    is_served
from all_lists
