{{ config(day='rated_on', reads={'stg_rates__eurofxref': 'day'}) }}
-- The bank publishes one column a currency; here it is one row a currency, without those that have no rate that day.
with rates as (

    {{ newest_copies(ref('stg_rates__eurofxref'), day='rated_on', key='rated_on') }}

),

published as (

    select rated_on, cast(1 as decimal(18, 6)) as eur, {{ rate_currencies() | join(', ') }}
    from rates

)

select rated_on, upper(currency) as currency, units_per_euro
from published
unpivot (units_per_euro for currency in (eur, {{ rate_currencies() | join(', ') }}))
