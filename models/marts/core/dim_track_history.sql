{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_catalog__tracks_changes'), key='track_id', created='created_at') }}

)

select
    track_id,
    recording_id,
    release_id,
    artist_id,
    licensor_id,
    isrc,
    title,
    genre,
    language,
    released_on,
    is_explicit,
    duration_ms,
    taken_down_at,
    since as valid_from,
    until as valid_to
from versions
where change_kind <> 'deleted'
