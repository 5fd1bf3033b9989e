{{ config(materialized='whole') }}
-- The day on which a subscription ends is still its day. Where two subscriptions of a member overlap, the one that
-- begins later takes over.
with versions as (

    select
        *,
        lead(state) over (partition by subscription_id order by valid_from) as next_state,
        {{ add_periods('valid_to', 1, 'day') }} as day_after_end
    from {{ ref('dim_subscription_history') }}

),

served as (

    select
        *,
        case when next_state = 'ended' then day_after_end else valid_to end as served_to,
        lead(valid_from) over (partition by account_id order by valid_from, started_at, subscription_id) as next_from
    from versions
    where state <> 'ended'

),

spans as (

    select *, least(coalesce(served_to, next_from), coalesce(next_from, served_to)) as held_to
    from served

)

select
    account_id,
    plan_code,
    state,
    country as billing_country,
    currency,
    subscription_id,
    valid_from,
    held_to as valid_to
from spans
where held_to is null or valid_from < held_to
