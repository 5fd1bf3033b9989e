{{ config(materialized='whole') }}
with days as (

    select cast(date '2015-01-01' + numbers.n * interval '1' day as date) as date_day
    from range(0, 9497) as numbers (n)

)

select
    date_day,
    cast(date_trunc('week', date_day) as date) as week_start,
    cast(date_trunc('month', date_day) as date) as month_start,
    cast(date_trunc('quarter', date_day) as date) as quarter_start,
    cast(date_trunc('year', date_day) as date) as year_start,
    cast(extract(year from date_day) as integer) as calendar_year,
    cast(extract(month from date_day) as integer) as month_of_year,
    cast(extract(day from date_day) as integer) as day_of_month,
    {{ iso_weekday('date_day') }} as day_of_week,
    {{ iso_weekday('date_day') }} >= 6 as is_weekend
from days
