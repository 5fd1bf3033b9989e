{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_catalog__tracks_changes'), key='track_id') }}

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
    created_at,
    case when change_kind = 'deleted' then changed_on end as removed_on
from versions
where until is null
