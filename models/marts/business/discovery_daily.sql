{{ config(day='played_on', reads={'int_plays_counted': 'day', 'dim_member_plan_history': 'sliced'}) }}
with heard as (

    select
        plays.played_on,
        plays.country,
        coalesce(plans.plan_code, 'none') as plan_code,
        plays.context,
        plays.account_id,
        plays.is_stream,
        plays.ms_played
    from {{ ref('int_plays_counted') }} as plays
    left join {{ ref('dim_member_plan_history') }} as plans
        on plans.account_id = plays.account_id
        and {{ valid_on('plans', 'plays.played_on') }}
    where {{ stale_days('plays.played_on') }}

)

select
    played_on,
    country,
    plan_code,
    context,
    count(*) as plays,
    count(case when is_stream then 1 end) as streams,
    cast(sum(ms_played) as bigint) as ms_played,
    count(distinct account_id) as listeners
from heard
group by played_on, country, plan_code, context
