{{ config(day='day', reads={'fct_payments': 'day', 'fct_chargebacks': 'day', 'dim_member_history': 'sliced'}) }}
-- A report of fraud counts on the day the bank made it, as card networks count: a day gone by does not change again
-- because of what was reported months later.
-- Results of payments and reasons of chargebacks share no word.
with events as (

    select attempted_on as day, account_id, currency, result, amount, 'payment' as kind
    from {{ ref('fct_payments') }}
    where {{ stale_days('attempted_on') }}
    union all
    select opened_on as day, account_id, currency, reason as result, amount, 'chargeback' as kind
    from {{ ref('fct_chargebacks') }}
    where {{ stale_days('opened_on') }}

)

select
    events.day,
    coalesce(members.country, 'ZZ') as country,
    events.currency,
    count(case when events.kind = 'payment' then 1 end) as payments,
    count(case when events.result = 'declined' then 1 end) as payments_declined,
    count(case when events.result = 'succeeded' then 1 end) as payments_succeeded,
    count(case when events.kind = 'chargeback' then 1 end) as chargebacks,
    count(case when events.result = 'fraudulent' then 1 end) as fraud_reports,
    cast(sum(case when events.result = 'succeeded' then events.amount else 0 end) as decimal(18, 2)) as paid_amount,
    cast(sum(case when events.result = 'fraudulent' then events.amount else 0 end) as decimal(18, 2)) as fraud_amount,
    count(distinct case when events.kind = 'payment' then events.account_id end) as members_paying,
    count(distinct case when events.kind = 'chargeback' then events.account_id end) as members_disputing
from events
left join {{ ref('dim_member_history') }} as members
    on members.account_id = events.account_id
    and {{ valid_on('members', 'events.day') }}
group by events.day, coalesce(members.country, 'ZZ'), events.currency
