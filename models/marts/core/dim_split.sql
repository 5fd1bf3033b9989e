{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_catalog__splits_changes'), key='split_id') }}

)

select
    split_id,
    recording_id,
    rights_holder_id,
    share,
    valid_from,
    valid_to,
    since as known_on
from versions
where until is null and change_kind <> 'deleted'
