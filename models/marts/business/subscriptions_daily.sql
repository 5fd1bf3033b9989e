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
        events.occurred_on as day,
        events.country,
        events.plan_code,
        -- Who holds what is told from the first day of listening on; before it nobody knows, which is not nobody.
        max(case when days.day is not null then 0 end) as none_held,
        count(case when events.event = 'trial_started' then 1 end) as trials_started,
        count(case when events.event in ('started', 'reactivated') then 1 end) as started,
        count(case when events.event in ('cancelled', 'lapsed') then 1 end) as ended
    from {{ ref('fct_subscription_events') }} as events
    left join days on days.day = events.occurred_on
    where {{ stale_days('events.occurred_on') }}
    group by events.occurred_on, events.country, events.plan_code

)

select
    coalesce(held.day, events.day) as day,
    coalesce(held.country, events.country) as country,
    coalesce(held.plan_code, events.plan_code) as plan_code,
    coalesce(held.members, events.none_held) as members,
    coalesce(held.in_trial, events.none_held) as in_trial,
    coalesce(held.active, events.none_held) as active,
    coalesce(held.paused, events.none_held) as paused,
    coalesce(held.past_due, events.none_held) as past_due,
    coalesce(held.listening, events.none_held) as listening,
    coalesce(events.trials_started, 0) as trials_started,
    coalesce(events.started, 0) as started,
    coalesce(events.ended, 0) as ended
from held
full outer join events
    on events.day = held.day
    and events.country = held.country
    and events.plan_code = held.plan_code
