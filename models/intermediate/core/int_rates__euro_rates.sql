{{ config(day='rated_on', reads={'stg_rates__eurofxref': 'day'}) }}
{%- set currencies = [
    'usd', 'jpy', 'bgn', 'cyp', 'czk', 'dkk', 'eek', 'gbp', 'huf', 'ltl', 'lvl', 'mtl', 'pln', 'rol',
    'ron', 'sek', 'sit', 'skk', 'chf', 'isk', 'nok', 'hrk', 'rub', 'trl', 'try', 'aud', 'brl', 'cad',
    'cny', 'hkd', 'idr', 'ils', 'inr', 'krw', 'mxn', 'myr', 'nzd', 'php', 'sgd', 'thb', 'zar'
] %}
-- The bank publishes one column a currency; here it is one row a currency, without those that have no rate that day.
with rates as (

    {{ newest_copies(ref('stg_rates__eurofxref'), day='rated_on', key='rated_on') }}

),

unpivoted as (

    select rated_on, 'EUR' as currency, cast(1 as decimal(18, 6)) as units_per_euro from rates
    {%- for currency in currencies %}
    union all
    select rated_on, '{{ currency | upper }}' as currency, {{ currency }} as units_per_euro from rates
    {%- endfor %}

)

select rated_on, currency, units_per_euro
from unpivoted
where units_per_euro is not null
