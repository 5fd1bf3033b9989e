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

reached as (

    select
        months.month,
        everywhere.country,
        everywhere.sketch_bucket,
        max(case when everywhere.month = months.month then everywhere.sketch_rank end) as rank_of_month,
        max(everywhere.sketch_rank) as rank_of_year
    from months
    inner join everywhere
        on everywhere.month <= months.month
        and everywhere.month > {{ add_periods('months.month', -12, 'month') }}
    group by months.month, everywhere.country, everywhere.sketch_bucket

)

select
    month,
    country,
    {{ distinct_in_sketch('rank_of_month') }} as listeners_approx,
    {{ distinct_in_sketch('rank_of_year') }} as listeners_12_months_approx
from reached
group by month, country
