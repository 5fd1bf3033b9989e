{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_catalog__releases_changes'), key='release_id', created='created_at') }}

)

select
    release_id,
    artist_id,
    licensor_id,
    title,
    upc,
    release_kind,
    label,
    released_on,
    since as valid_from,
    until as valid_to
from versions
where change_kind <> 'deleted'
