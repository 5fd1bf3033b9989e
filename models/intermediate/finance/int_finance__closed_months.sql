{{ config(materialized='whole') }}
-- valid_to is the second day of the next month, on which a revaluation of the month is taken back.
select
    month,
    min(closed_on) as closed_on,
    month as valid_from,
    cast({{ add_periods(add_periods('month', 1, 'month'), 1, 'day') }} as date) as valid_to
from {{ ref('stg_nightshift__closed_months') }}
where books = 'finance'
group by month
