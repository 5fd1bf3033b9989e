{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_catalog__rights_holders_changes'), key='rights_holder_id') }}

)

select
    rights_holder_id,
    licensor_id,
    name,
    holder_kind,
    country,
    currency,
    payout_threshold,
    advance_amount,
    withholding_tax_rate,
    created_at,
    case when change_kind = 'deleted' then changed_on end as removed_on
from versions
where until is null
