{{ config(day='month', unit='month', reads={'fct_listener_sketches': 12}) }}
-- Different people cannot be added up over months; their sketches can be put together.
with sketches as (

    select
        cast(date_trunc('month', played_on) as date) as month,
        country,
        sketch_bucket,
        max(sketch_rank) as sketch_rank
    from {{ ref('fct_listener_sketches') }}
    where {{ stale_days('played_on', lookback=12) }}
    group by cast(date_trunc('month', played_on) as date), country, sketch_bucket

),

everywhere as (

    select month, country, sketch_bucket, sketch_rank from sketches
    union all
    select month, 'world' as country, sketch_bucket, max(sketch_rank) as sketch_rank from sketches
    group by month, sketch_bucket

),

months as (

    select distinct cast(date_trunc('month', played_on) as date) as month from {{ ref('fct_listener_sketches') }}
    where {{ stale_days('played_on') }}

),

spans as (

    select month, country, 'month' as span, sketch_bucket, sketch_rank
    from everywhere
    where {{ stale_days('month') }}
    union all
    select
        months.month, everywhere.country, 'year' as span,
        everywhere.sketch_bucket, max(everywhere.sketch_rank) as sketch_rank
    from months
    inner join everywhere
        on everywhere.month <= months.month
        and everywhere.month > {{ add_periods('months.month', -12, 'month') }}
    group by months.month, everywhere.country, everywhere.sketch_bucket

),

counted as (

    select
        month, country, span,
        4096 - count(*) as empty,
        0.7213 / (1 + 1.079 / 4096) * 4096 * 4096 / (4096 - count(*) + sum(power(2, -sketch_rank))) as estimate
    from spans
    group by month, country, span

),

-- Flajolet et al., fig. 3: where most buckets are empty, these are counted. A 52-bit hash needs no other correction.
estimated as (

    select
        month, country, span,
        cast(round(
            case when estimate <= 2.5 * 4096 and empty > 0 then 4096 * ln(4096.0 / empty) else estimate end
        ) as bigint) as listeners
    from counted

)

select
    month,
    country,
    coalesce(max(case when span = 'month' then listeners end), 0) as listeners_approx,
    max(case when span = 'year' then listeners end) as listeners_12_months_approx
from estimated
group by month, country
