{{
  config(day='day', reads={
    'int_member_listening_daily': 'day', 'dim_member_plan_history': 'sliced',
    'fct_subscription_events': 'day',
  })
}}
with days as (

    select distinct played_on as day from {{ ref('int_member_listening_daily') }}
    where {{ stale_days('played_on') }}

),

listeners as (

    select distinct played_on as day, account_id
    from {{ ref('int_member_listening_daily') }}
    where {{ stale_days('played_on') }}

),

held as (

    select
        days.day,
        plans.billing_country as country,
        plans.plan_code,
        count(*) as members,
        count(case when plans.state = 'trial' then 1 end) as in_trial,
        count(case when plans.state = 'active' then 1 end) as active,
        count(case when plans.state = 'paused' then 1 end) as paused,
        count(case when plans.state = 'past_due' then 1 end) as past_due,
        count(listeners.account_id) as listening
    from days
    inner join {{ ref('dim_member_plan_history') }} as plans
        on {{ valid_on('plans', 'days.day') }}
    left join listeners
        on listeners.day = days.day
        and listeners.account_id = plans.account_id
    group by days.day, plans.billing_country, plans.plan_code

),

events as (

    select
        occurred_on as day,
        country,
        plan_code,
        count(case when event = 'trial_started' then 1 end) as trials_started,
        count(case when event in ('started', 'reactivated') then 1 end) as started,
        count(case when event in ('cancelled', 'lapsed') then 1 end) as ended
    from {{ ref('fct_subscription_events') }}
    where {{ stale_days('occurred_on') }}
    group by occurred_on, country, plan_code

)

select
    coalesce(held.day, events.day) as day,
    coalesce(held.country, events.country) as country,
    coalesce(held.plan_code, events.plan_code) as plan_code,
    coalesce(held.members, 0) as members,
    coalesce(held.in_trial, 0) as in_trial,
    coalesce(held.active, 0) as active,
    coalesce(held.paused, 0) as paused,
    coalesce(held.past_due, 0) as past_due,
    coalesce(held.listening, 0) as listening,
    coalesce(events.trials_started, 0) as trials_started,
    coalesce(events.started, 0) as started,
    coalesce(events.ended, 0) as ended
from held
full outer join events
    on events.day = held.day
    and events.country = held.country
    and events.plan_code = held.plan_code
