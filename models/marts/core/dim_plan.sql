{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_billing__plans_changes'), key='plan_code') }}

)

select
    plan_code,
    name,
    billing_period,
    seats,
    has_ads,
    trial_days,
    created_at,
    case when change_kind = 'deleted' then changed_on end as removed_on
from versions
where until is null
