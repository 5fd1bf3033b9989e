{{ config(materialized='whole') }}
-- Where two subscriptions of a member overlap, the one that begins later takes over.
with served as (

    select *, lead(valid_from) over (partition by account_id order by valid_from, started_at, subscription_id) as next_from
    from {{ ref('dim_subscription_history') }}
    where state <> 'ended'

),

spans as (

    select *, least(coalesce(valid_to, next_from), coalesce(next_from, valid_to)) as ends_on
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
    ends_on as valid_to
from spans
where ends_on is null or valid_from < ends_on
