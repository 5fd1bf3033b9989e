{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(
        ref('int_billing__subscriptions_changes'),
        key='subscription_id', created='started_at', updated='updated_at'
    ) }}

)

select
    subscription_id,
    account_id,
    plan_code,
    state,
    country,
    currency,
    discount_code,
    started_at,
    trial_ends_at,
    ended_at,
    end_reason,
    since as valid_from,
    until as valid_to
from versions
where change_kind <> 'deleted'
