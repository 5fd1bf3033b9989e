{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_catalog__availability_changes'), key=['track_id', 'territory', 'valid_from']) }}

)

select
    track_id,
    territory,
    valid_from,
    valid_to,
    is_available,
    since as known_on
from versions
where until is null and change_kind <> 'deleted'
