{{ config(day='month', unit='month', reads={'fct_subscription_events': 'day'}) }}
select
    cast(date_trunc('month', occurred_on) as date) as month,
    country,
    event,
    coalesce(previous_plan_code, 'none') as from_plan_code,
    plan_code as to_plan_code,
    count(*) as changes,
    count(distinct account_id) as members
from {{ ref('fct_subscription_events') }}
where {{ stale_days('occurred_on') }}
group by cast(date_trunc('month', occurred_on) as date), country, event, coalesce(previous_plan_code, 'none'), plan_code
