{{
  config(day='month', unit='month', reads={
    'int_member_lifetime': 'day', 'dim_member_plan_history': 'sliced', 'int_business__cohorts': 240,
  })
}}
with members as (

    select month, account_id, last_played_on >= month as is_active
    from {{ ref('int_member_lifetime') }}
    where {{ stale_days('month') }}

),

described as (

    select
        members.month,
        members.account_id,
        members.is_active,
        cohorts.cohort_month,
        cohorts.country,
        cohorts.acquisition_channel,
        cohorts.first_plan_code,
        plans.plan_code
    from members
    inner join {{ ref('int_business__cohorts') }} as cohorts
        on cohorts.account_id = members.account_id
        and cohorts.cohort_month <= members.month
    left join {{ ref('dim_member_plan_history') }} as plans
        on plans.account_id = members.account_id
        and {{ valid_on('plans', 'members.month') }}
    where {{ stale_days('cohorts.cohort_month', lookback=240) }}

)

select
    month,
    cohort_month,
    country,
    acquisition_channel,
    first_plan_code,
    cast(
        (extract(year from month) - extract(year from cohort_month)) * 12
        + extract(month from month) - extract(month from cohort_month) as integer
    ) as months_since,
    count(*) as members,
    count(case when is_active then 1 end) as members_active,
    count(case when plan_code <> 'free' then 1 end) as members_paying
from described
group by month, cohort_month, country, acquisition_channel, first_plan_code
