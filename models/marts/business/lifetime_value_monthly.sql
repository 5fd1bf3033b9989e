{{ config(day='month', unit='month', reads={'int_business__cohort_revenue': 240, 'int_business__cohorts': 240}) }}
with months as (

    select distinct month from {{ ref('int_business__cohort_revenue') }}
    where {{ stale_days('month') }}

),

members as (

    select
        months.month,
        cohorts.cohort_month,
        cohorts.country,
        cohorts.acquisition_channel,
        cohorts.first_plan_code,
        count(*) as members
    from months
    inner join {{ ref('int_business__cohorts') }} as cohorts on cohorts.cohort_month <= months.month
    where {{ stale_days('cohorts.cohort_month', lookback=240) }}
    group by months.month, cohorts.cohort_month, cohorts.country, cohorts.acquisition_channel, cohorts.first_plan_code

),

brought_in as (

    select
        months.month,
        revenue.cohort_month,
        revenue.country,
        revenue.acquisition_channel,
        revenue.first_plan_code,
        sum(case when revenue.month = months.month then revenue.euro_cents else 0 end) as cents_in_month,
        sum(revenue.euro_cents) as cents_to_date
    from months
    inner join {{ ref('int_business__cohort_revenue') }} as revenue on revenue.month <= months.month
    where {{ stale_days('revenue.month', lookback=240) }}
    group by months.month, revenue.cohort_month, revenue.country, revenue.acquisition_channel, revenue.first_plan_code

)

select
    coalesce(members.month, brought_in.month) as month,
    coalesce(members.cohort_month, brought_in.cohort_month) as cohort_month,
    coalesce(members.country, brought_in.country) as country,
    coalesce(members.acquisition_channel, brought_in.acquisition_channel) as acquisition_channel,
    coalesce(members.first_plan_code, brought_in.first_plan_code) as first_plan_code,
    coalesce(members.members, 0) as members,
    {{ from_cents('coalesce(brought_in.cents_in_month, 0)') }} as revenue_eur,
    {{ from_cents('coalesce(brought_in.cents_to_date, 0)') }} as revenue_to_date_eur,
    case
        when
            members.members > 0
            then {{ from_cents(rounded_quotient('coalesce(brought_in.cents_to_date, 0)', 'members.members')) }}
    end as lifetime_value_eur
from members
full outer join brought_in
    on brought_in.month = members.month
    and brought_in.cohort_month = members.cohort_month
    and brought_in.country = members.country
    and brought_in.acquisition_channel = members.acquisition_channel
    and brought_in.first_plan_code = members.first_plan_code
