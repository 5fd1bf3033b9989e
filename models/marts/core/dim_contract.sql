{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_catalog__contracts_changes'), key='contract_id') }}

)

select
    contract_id,
    licensor_id,
    territory,
    plan_code,
    revenue_share,
    minimum_per_subscriber,
    minimum_currency,
    allocation_method,
    trial_streams_count,
    silent_subscribers,
    valid_from,
    valid_to,
    since as known_on
from versions
where until is null and change_kind <> 'deleted'
