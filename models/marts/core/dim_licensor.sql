{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_catalog__licensors_changes'), key='licensor_id') }}

)

select
    licensor_id,
    name,
    ddex_party_id,
    country,
    currency,
    created_at,
    case when change_kind = 'deleted' then changed_on end as removed_on
from versions
where until is null
