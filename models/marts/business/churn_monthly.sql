{{
  config(day='month', unit='month', reads={
    'fct_subscription_events': 'day', 'int_member_listening_daily': 2, 'dim_member_plan_history': 'sliced',
  })
}}
-- Early signs: what those who left had heard in the four weeks before, beside what a member hears who stayed.
with months as (

    select distinct cast(date_trunc('month', played_on) as date) as month
    from {{ ref('int_member_listening_daily') }}
    where {{ stale_days('played_on') }}

),

at_start as (

    select months.month, plans.billing_country as country, plans.plan_code, count(*) as members_at_start
    from months
    inner join {{ ref('dim_member_plan_history') }} as plans on {{ valid_on('plans', 'months.month') }}
    where plans.plan_code <> 'free'
    group by months.month, plans.billing_country, plans.plan_code

),

leavers as (

    select
        cast(date_trunc('month', occurred_on) as date) as month,
        event_id,
        account_id,
        occurred_on,
        country,
        plan_code,
        event,
        reason
    from {{ ref('fct_subscription_events') }}
    where event in ('cancelled', 'lapsed') and plan_code <> 'free' and {{ stale_days('occurred_on') }}

),

heard as (

    select leavers.event_id, sum(listening.streams) as streams
    from leavers
    inner join {{ ref('int_member_listening_daily') }} as listening
        on listening.account_id = leavers.account_id
        and listening.played_on >= {{ add_periods('leavers.occurred_on', -28, 'day') }}
        and listening.played_on < leavers.occurred_on
    where {{ stale_days('listening.played_on', lookback=2) }}
    group by leavers.event_id

),

left_us as (

    select
        leavers.month,
        leavers.country,
        leavers.plan_code,
        count(*) as churned,
        count(case when leavers.reason = 'price' then 1 end) as churned_price,
        count(case when leavers.reason = 'not_used' then 1 end) as churned_not_used,
        count(case when leavers.reason = 'competitor' then 1 end) as churned_competitor,
        count(case when leavers.event = 'lapsed' then 1 end) as churned_payment,
        count(case when heard.event_id is null then 1 end) as churned_silent_28_days,
        cast(coalesce(sum(heard.streams), 0) as bigint) as streams_28_days_before
    from leavers
    left join heard on heard.event_id = leavers.event_id
    group by leavers.month, leavers.country, leavers.plan_code

)

select
    coalesce(at_start.month, left_us.month) as month,
    coalesce(at_start.country, left_us.country) as country,
    coalesce(at_start.plan_code, left_us.plan_code) as plan_code,
    coalesce(at_start.members_at_start, 0) as members_at_start,
    coalesce(left_us.churned, 0) as churned,
    coalesce(left_us.churned_price, 0) as churned_price,
    coalesce(left_us.churned_not_used, 0) as churned_not_used,
    coalesce(left_us.churned_competitor, 0) as churned_competitor,
    coalesce(left_us.churned_payment, 0) as churned_payment,
    coalesce(left_us.churned_silent_28_days, 0) as churned_silent_28_days,
    coalesce(left_us.streams_28_days_before, 0) as streams_28_days_before
from at_start
full outer join left_us
    on left_us.month = at_start.month
    and left_us.country = at_start.country
    and left_us.plan_code = at_start.plan_code
