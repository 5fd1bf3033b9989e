-- What is converted to euros has a rate; a currency without one is named here instead of counting nothing.
select distinct days.revenue_on, days.currency
from {{ ref('revenue_daily') }} as days
left join {{ ref('dim_exchange_rate') }} as rates
    on rates.currency = days.currency
    and {{ valid_on('rates', 'days.revenue_on') }}
where rates.currency is null and {{ changed_days('revenue_daily', 'days.revenue_on') }}
