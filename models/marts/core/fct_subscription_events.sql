{{ config(day='occurred_on', reads={'stg_billing__subscription_events': 'day'}) }}
with subscription_events as (

    {{ newest_copies(ref('stg_billing__subscription_events'), day='occurred_on', key='event_id') }}

)

select
    event_id,
    subscription_id,
    account_id,
    event,
    plan_code,
    previous_plan_code,
    reason,
    country,
    currency,
    occurred_at,
    occurred_on,
    _dump_id
from subscription_events
