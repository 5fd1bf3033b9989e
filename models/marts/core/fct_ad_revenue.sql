{{ config(day='revenue_on', reads={'stg_billing__ad_revenue': 'day'}) }}
with ad_revenue as (

    {{ newest_copies(
        ref('stg_billing__ad_revenue'),
        day='revenue_on', key=['revenue_on', 'country'], version='updated_at'
    ) }}

)

select
    revenue_on,
    country,
    plan_code,
    impressions,
    amount,
    currency,
    is_final,
    updated_at,
    _dump_id
from ad_revenue
