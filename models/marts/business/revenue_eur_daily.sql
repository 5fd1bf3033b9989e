{{ config(day='revenue_on', reads={'revenue_daily': 'day', 'dim_exchange_rate': 'sliced'}) }}
select
    days.revenue_on,
    days.country,
    days.plan_code,
    {{ from_cents('sum(' ~ euro_cents('days.net_amount', 'rates') ~ ')') }} as net_revenue_eur,
    {{ from_cents('sum(' ~ euro_cents('days.advertising_amount', 'rates') ~ ')') }} as advertising_revenue_eur,
    cast(sum(days.members_billed) as bigint) as members_billed
from {{ ref('revenue_daily') }} as days
inner join {{ ref('dim_exchange_rate') }} as rates
    on rates.currency = days.currency
    and {{ valid_on('rates', 'days.revenue_on') }}
where {{ stale_days('days.revenue_on') }}
group by days.revenue_on, days.country, days.plan_code
