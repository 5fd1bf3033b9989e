{{ config(day='revenue_on', reads={'revenue_daily': 'day', 'dim_exchange_rate': 'sliced'}) }}
select
    days.revenue_on,
    days.country,
    days.plan_code,
    {{ from_cents('sum(' ~ rounded_quotient('cast(days.net_amount * 100 as bigint) * 1000000', 'cast(rates.units_per_euro * 1000000 as bigint)') ~ ')') }} as net_revenue_eur,
    {{ from_cents('sum(' ~ rounded_quotient('cast(days.advertising_amount * 100 as bigint) * 1000000', 'cast(rates.units_per_euro * 1000000 as bigint)') ~ ')') }} as advertising_revenue_eur,
    cast(sum(days.members_billed) as bigint) as members_billed
from {{ ref('revenue_daily') }} as days
inner join {{ ref('dim_exchange_rate') }} as rates
    on rates.currency = days.currency
    and {{ valid_on('rates', 'days.revenue_on') }}
where {{ stale_days('days.revenue_on') }}
group by days.revenue_on, days.country, days.plan_code
