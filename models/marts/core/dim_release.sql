{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_catalog__releases_changes'), key='release_id') }}

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
    created_at,
    case when change_kind = 'deleted' then changed_on end as removed_on
from versions
where until is null
