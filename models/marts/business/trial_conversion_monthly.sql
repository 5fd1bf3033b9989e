{{ config(day='month', unit='month', reads={'fct_subscription_events': 4, 'dim_member_history': 'sliced'}) }}
-- A trial belongs to the month in which it was decided: the first event of its subscription after it began. Trials last
-- a month at most, so one that was decided began in this month or one of the three before.
with events as (

    select
        *,
        lead(event) over (partition by subscription_id order by occurred_at, event_id) as next_event,
        lead(occurred_on) over (partition by subscription_id order by occurred_at, event_id) as decided_on
    from {{ ref('fct_subscription_events') }}
    where {{ stale_days('occurred_on', lookback=4) }}

),

decided as (

    select
        cast(date_trunc('month', decided_on) as date) as month,
        country,
        plan_code,
        account_id,
        next_event,
        {{ days_between('occurred_on', 'decided_on') }} as days_to_decision,
        decided_on
    from events
    where event = 'trial_started' and decided_on is not null and {{ stale_days('decided_on') }}

)

select
    decided.month,
    decided.country,
    decided.plan_code,
    coalesce(members.acquisition_channel, 'unknown') as acquisition_channel,
    count(*) as trials_decided,
    count(case when decided.next_event in ('started', 'upgraded', 'downgraded') then 1 end) as trials_converted,
    cast(sum(decided.days_to_decision) as bigint) as days_to_decision
from decided
left join {{ ref('dim_member_history') }} as members
    on members.account_id = decided.account_id
    and {{ valid_on('members', 'decided.decided_on') }}
group by decided.month, decided.country, decided.plan_code, coalesce(members.acquisition_channel, 'unknown')
