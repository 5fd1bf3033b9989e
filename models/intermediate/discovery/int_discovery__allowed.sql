{{ config(materialized='whole') }}
-- What may be recommended to whom: each rule is one line of the last condition, in the order a person would say it.
with today as (

    select max(played_on) as today from {{ ref('int_discovery__listening') }}

),

candidates as (

    select scored.account_id, scored.track_id, scored.score, 1 as choice
    from {{ ref('int_discovery__scored') }} as scored
    inner join {{ ref('int_discovery__due_listeners') }} as due on due.account_id = scored.account_id
    where not due.is_holdout
    union all
    select due.account_id, popular.track_id, popular.listeners as score, 2 as choice
    from {{ ref('int_discovery__due_listeners') }} as due
    inner join {{ ref('int_discovery__popular') }} as popular on popular.country = due.country

),

chosen as (

    select account_id, track_id, min(choice) as choice, min_by(score, choice) as score
    from candidates
    group by account_id, track_id

),

changes as (

    select
        *,
        row_number() over (
            partition by account_id, item_kind, item_id
            order by changed_at desc, block_id desc
        ) as newest_first
    from {{ ref('fct_blocks') }}

),

blocks as (

    select account_id, item_kind, item_id
    from changes
    where newest_first = 1 and is_on

),

available as (

    select
        spans.track_id,
        spans.territory,
        bool_and(spans.is_available) as is_available
    from {{ ref('dim_availability') }} as spans
    cross join today
    where {{ valid_on('spans', 'today.today') }}
    group by spans.track_id, spans.territory

)

select
    chosen.account_id,
    chosen.track_id,
    tracks.artist_id,
    tracks.title,
    chosen.choice,
    chosen.score,
    {{ days_between('tracks.released_on', 'today.today') }} <= {{ var('new_release_days') }} as is_new_release
from chosen
cross join today
inner join {{ ref('int_discovery__due_listeners') }} as due on due.account_id = chosen.account_id
inner join {{ ref('dim_track') }} as tracks on tracks.track_id = chosen.track_id
left join {{ ref('int_discovery__histories') }} as played
    on played.account_id = chosen.account_id
    and played.track_id = chosen.track_id
left join blocks as blocked_track
    on blocked_track.account_id = chosen.account_id
    and blocked_track.item_kind = 'track'
    and blocked_track.item_id = chosen.track_id
left join blocks as blocked_artist
    on blocked_artist.account_id = chosen.account_id
    and blocked_artist.item_kind = 'artist'
    and blocked_artist.item_id = tracks.artist_id
left join available as here on here.track_id = chosen.track_id and here.territory = due.country
left join available as everywhere on everywhere.track_id = chosen.track_id and everywhere.territory = 'WW'
where
    not coalesce(played.is_known, false)
    and blocked_track.item_id is null
    and blocked_artist.item_id is null
    and coalesce(here.is_available, everywhere.is_available, false)
    and tracks.taken_down_at is null and tracks.removed_on is null and tracks.released_on <= today.today
    and (due.explicit_content or not tracks.is_explicit)
