{{
  config(day='happened_on', reads={
    'fct_subscription_events': 'day', 'fct_payments': 'day', 'fct_refunds': 'day',
    'fct_chargebacks': 'day', 'int_member_listening_daily': 'day',
  })
}}
-- One customer's history for support: everything that happened to an account, in words, in order.
with happenings as (

    select
        occurred_on as happened_on,
        occurred_at as happened_at,
        account_id,
        'subscription' as kind,
        event_id as source_id,
        concat(event, ' (', plan_code, coalesce(', ' || nullif(reason, ''), ''), ')') as what,
        cast(null as decimal(18, 2)) as amount,
        currency
    from {{ ref('fct_subscription_events') }}
    where {{ stale_days('occurred_on') }}
    union all
    select
        attempted_on as happened_on,
        attempted_at as happened_at,
        account_id,
        'payment' as kind,
        payment_id as source_id,
        concat('payment ', result, coalesce(', ' || nullif(decline_reason, ''), ''), ' by ', method) as what,
        amount,
        currency
    from {{ ref('fct_payments') }}
    where {{ stale_days('attempted_on') }}
    union all
    select
        requested_on as happened_on, requested_at as happened_at, account_id, 'refund' as kind, refund_id as source_id,
        concat('refund ', state, coalesce(', ' || nullif(reason, ''), '')) as what, amount, currency
    from {{ ref('fct_refunds') }}
    where {{ stale_days('requested_on') }}
    union all
    select
        opened_on as happened_on,
        opened_at as happened_at,
        account_id,
        'chargeback' as kind,
        chargeback_id as source_id,
        concat('chargeback ', state, coalesce(', ' || nullif(reason, ''), '')) as what, amount, currency
    from {{ ref('fct_chargebacks') }}
    where {{ stale_days('opened_on') }}

),

listening as (

    select
        played_on as happened_on,
        account_id,
        sum(plays) as plays,
        sum(streams) as streams
    from {{ ref('int_member_listening_daily') }}
    where {{ stale_days('played_on') }}
    group by played_on, account_id

)

select happened_on, account_id, kind, source_id, happened_at, what, amount, currency
from happenings
where account_id is not null
union all
select
    happened_on,
    account_id,
    'listening' as kind,
    cast(happened_on as {{ dbt.type_string() }}) as source_id,
    cast(happened_on as timestamp) as happened_at,
    concat(plays, ' plays, ', streams, ' streams') as what,
    cast(null as decimal(18, 2)) as amount,
    cast(null as {{ dbt.type_string() }}) as currency
from listening
