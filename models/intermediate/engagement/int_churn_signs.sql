{{ config(materialized='whole') }}
-- Paying members on the newest day, four and eight weeks before, as known then, and who left in the four weeks after.
with listening as (

    select distinct account_id, played_on
    from {{ ref('int_member_listening_daily') }}

),

newest as (

    select max(played_on) as as_of_on from listening

),

moments as (

    select 0 as days_before, as_of_on as seen_on from newest
    union all
    select 28 as days_before, {{ add_periods('as_of_on', -28, 'day') }} as seen_on from newest
    union all
    select 56 as days_before, {{ add_periods('as_of_on', -56, 'day') }} as seen_on from newest

),

members as (

    select moments.days_before, moments.seen_on, plans.account_id, plans.plan_code, plans.state
    from moments
    inner join {{ ref('dim_member_plan_history') }} as plans on {{ valid_on('plans', 'moments.seen_on') }}
    where plans.plan_code <> 'free'

),

heard as (

    select
        moments.days_before,
        listening.account_id,
        count(*) as active_days_28,
        count(
            case when listening.played_on > {{ add_periods('moments.seen_on', -7, 'day') }} then 1 end
        ) as active_days_7
    from moments
    inner join listening
        on listening.played_on > {{ add_periods('moments.seen_on', -28, 'day') }}
        and listening.played_on <= moments.seen_on
    group by moments.days_before, listening.account_id

),

leavers as (

    select distinct moments.days_before, events.account_id
    from moments
    inner join {{ ref('fct_subscription_events') }} as events
        on events.occurred_on > moments.seen_on
        and events.occurred_on <= {{ add_periods('moments.seen_on', 28, 'day') }}
    where events.event in ('cancelled', 'lapsed') and events.plan_code <> 'free'

)

select
    members.days_before,
    members.seen_on,
    members.account_id,
    members.plan_code,
    case
        when members.state <> 'active' then members.state
        when coalesce(heard.active_days_28, 0) = 0 then 'silent'
        when heard.active_days_7 = 0 then 'quieter'
        when heard.active_days_28 >= 20 then 'loyal'
        when heard.active_days_28 >= 8 then 'regular'
        else 'occasional'
    end as sign,
    coalesce(heard.active_days_28, 0) as active_days_28,
    leavers.account_id is not null as has_left
from members
left join heard on heard.days_before = members.days_before and heard.account_id = members.account_id
left join leavers on leavers.days_before = members.days_before and leavers.account_id = members.account_id
