-- No day is left out, weeks begin on Monday, and 23 February 2026 was one.
select date_day, day_of_week, is_weekend, week_start
from {{ ref('dim_date') }}
where
    (select count(*) from {{ ref('dim_date') }}) <> {{ days_between("date '2015-01-01'", "date '2041-01-01'") }}
    or (date_day = date '2026-02-23' and (day_of_week <> 1 or is_weekend or week_start <> date '2026-02-23'))
    or (date_day = date '2026-03-01' and (day_of_week <> 7 or not is_weekend or week_start <> date '2026-02-23'))
