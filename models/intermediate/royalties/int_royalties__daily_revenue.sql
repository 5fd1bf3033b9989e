{{ config(day='revenue_on',
    reads={
        'int_finance__revenue_recognised': 'day', 'int_royalties__fees': 'day', 'fct_ad_revenue': 'day'
    }) }}
-- Money that royalties are a share of: recognised on the day, after tax and refunds, less what payments cost. The money
-- of the free plan comes from nobody.
with movements as (

    select
        recognised_on as revenue_on, account_id, country as territory, plan_code, currency,
        {{ cents('recognised_amount') }} as net_cents
    from {{ ref('int_finance__revenue_recognised') }}
    where {{ stale_days('recognised_on') }}
    union all
    select
        settled_on as revenue_on, account_id, country as territory, plan_code, currency,
        -{{ cents('fee_amount') }} as net_cents
    from {{ ref('int_royalties__fees') }}
    where {{ stale_days('settled_on') }}
    union all
    select revenue_on, '' as account_id, country as territory, plan_code, currency, {{ cents('amount') }} as net_cents
    from {{ ref('fct_ad_revenue') }}
    where {{ stale_days('revenue_on') }}

)

select revenue_on, account_id, territory, plan_code, currency, cast(sum(net_cents) as bigint) as net_cents
from movements
where territory is not null and plan_code is not null
group by revenue_on, account_id, territory, plan_code, currency
