{{ config(day='played_on', reads={'int_plays_counted': 'day', 'dim_member_plan_history': 'sliced'}) }}
-- All that royalties ever read of plays. A stream counts in the territory and plan in which its listener is billed on
-- that day; a listener without a plan pays nothing to share.
select
    plays.played_on,
    plays.account_id,
    plans.billing_country as territory,
    plans.plan_code,
    plans.state = 'trial' as is_trial,
    plays.track_id,
    count(*) as streams
from {{ ref('int_plays_counted') }} as plays
inner join {{ ref('dim_member_plan_history') }} as plans
    on plans.account_id = plays.account_id
    and {{ valid_on('plans', 'plays.played_on') }}
where {{ stale_days('plays.played_on') }} and plays.is_stream
group by
    plays.played_on,
    plays.account_id,
    plans.billing_country,
    plans.plan_code,
    plans.state = 'trial',
    plays.track_id
