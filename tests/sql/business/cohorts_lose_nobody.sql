-- Every member who ever played is in one cohort, every month counts each of them, and the money of cohorts is all there
-- was.
with months as (

    select month, sum(members) as members
    from {{ ref('retention_monthly') }}
    where {{ changed_days('retention_monthly', 'month') }}
    group by month

),

lifetimes as (

    select month, count(*) as members
    from {{ ref('int_member_lifetime') }}
    where {{ changed_days('retention_monthly', 'month') }}
    group by month

),

money as (

    select month, sum(revenue_to_date_eur) as revenue_to_date_eur
    from {{ ref('lifetime_value_monthly') }}
    group by month

),

billed as (

    select money.month, cast(sum(revenue.euro_cents) as decimal(18, 2)) / 100 as revenue_to_date_eur
    from money
    inner join {{ ref('int_business__cohort_revenue') }} as revenue on revenue.month <= money.month
    group by money.month

)

select
    'members' as what,
    months.month,
    months.members as found,
    lifetimes.members as expected
from months
inner join lifetimes on lifetimes.month = months.month
where months.members <> lifetimes.members
union all
select
    'euros' as what,
    money.month,
    money.revenue_to_date_eur as found,
    billed.revenue_to_date_eur as expected
from money
inner join billed on billed.month = money.month
where abs(money.revenue_to_date_eur - billed.revenue_to_date_eur) > 0.001
