{{ config(day='played_on', reads={'int_plays_counted': 'day', 'dim_member_plan_history': 'sliced'}) }}
with listening as (

    select
        played_on,
        account_id,
        country,
        count(*) as plays,
        count(case when is_stream then 1 end) as streams,
        count(case when is_artificial then 1 end) as artificial_plays,
        cast(sum(ms_played) as bigint) as ms_played
    from {{ ref('int_plays_counted') }}
    where {{ stale_days('played_on') }}
    group by played_on, account_id, country

)

select
    listening.played_on,
    listening.account_id,
    listening.country,
    coalesce(plans.plan_code, 'none') as plan_code,
    plans.state as subscription_state,
    listening.plays,
    listening.streams,
    listening.artificial_plays,
    listening.ms_played
from listening
left join {{ ref('dim_member_plan_history') }} as plans
    on plans.account_id = listening.account_id
    and {{ valid_on('plans', 'listening.played_on') }}
