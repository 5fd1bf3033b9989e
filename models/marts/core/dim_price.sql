{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_billing__prices_changes'), key=['plan_code', 'country', 'valid_from']) }}

)

select
    plan_code,
    country,
    valid_from,
    valid_to,
    currency,
    amount,
    tax_mode,
    tax_rate,
    since as known_on
from versions
where until is null and change_kind <> 'deleted'
