{{ config(day='revenue_on', reads={'fct_ad_revenue': 'day', 'int_finance__exchange_rates': 'sliced'}) }}
-- The network counts in the currency of the country and pays in that of the books: the claim is in the latter.
select
    advertising.revenue_on,
    advertising.country,
    advertising.plan_code,
    advertising.amount,
    advertising.currency,
    cast({{ rate_of('advertising.currency', 'rates') }} as decimal(18, 8)) as exchange_rate,
    {{ in_reporting_currency('advertising.amount', rate_of('advertising.currency', 'rates')) }} as reporting_amount
from {{ ref('fct_ad_revenue') }} as advertising
left join {{ ref('int_finance__exchange_rates') }} as rates
    on rates.currency = advertising.currency
    and rates.valid_from = advertising.revenue_on
where {{ stale_days('advertising.revenue_on') }}
