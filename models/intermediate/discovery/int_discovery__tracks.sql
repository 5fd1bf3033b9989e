{{ config(materialized='whole') }}
-- Tracks and artists by number, in the order of their ids: what is made for each listener is joined by numbers.
with today as (

    select max(played_on) as today from {{ ref('int_discovery__listening') }}

)

select
    cast(row_number() over (order by tracks.track_id) as integer) as track_no,
    cast(dense_rank() over (order by tracks.artist_id) as integer) as artist_no,
    tracks.track_id,
    tracks.artist_id,
    tracks.title,
    tracks.is_explicit,
    tracks.taken_down_at is null and tracks.removed_on is null as is_up,
    tracks.released_on <= today.today as is_out,
    {{ days_between('tracks.released_on', 'today.today') }} <= {{ var('new_release_days') }} as is_new_release
from {{ ref('dim_track') }} as tracks
cross join today
