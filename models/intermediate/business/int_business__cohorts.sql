{{
  config(day='cohort_month', unit='month', reads={
    'int_member_lifetime': 'day', 'dim_member_history': 'sliced', 'dim_member_plan_history': 'sliced',
  })
}}
-- Who a member was on the day of her first play: what a cohort is cut by never changes afterwards.
with newcomers as (

    select month as cohort_month, account_id, first_played_on
    from {{ ref('int_member_lifetime') }}
    where first_played_on >= month and {{ stale_days('month') }}

)

select
    newcomers.cohort_month,
    newcomers.account_id,
    coalesce(accounts.country, 'ZZ') as country,
    coalesce(accounts.acquisition_channel, 'unknown') as acquisition_channel,
    coalesce(plans.plan_code, 'none') as first_plan_code
from newcomers
left join {{ ref('dim_member_history') }} as accounts
    on accounts.account_id = newcomers.account_id
    and {{ valid_on('accounts', 'newcomers.first_played_on') }}
left join {{ ref('dim_member_plan_history') }} as plans
    on plans.account_id = newcomers.account_id
    and {{ valid_on('plans', 'newcomers.first_played_on') }}
