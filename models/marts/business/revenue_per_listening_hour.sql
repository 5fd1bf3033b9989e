{{ config(
    day='month', unit='month',
    reads={'revenue_daily': 'day', 'listening_daily': 'day', 'dim_exchange_rate': 'sliced'}
) }}
-- Cents and milliseconds are whole numbers: a quotient is rounded once, the same on every engine.
with revenue as (

    select
        cast(date_trunc('month', days.revenue_on) as date) as month,
        days.country,
        days.plan_code,
        sum({{ euro_cents('days.net_amount + days.advertising_amount', 'rates') }}) as euro_cents
    from {{ ref('revenue_daily') }} as days
    inner join {{ ref('dim_exchange_rate') }} as rates
        on rates.currency = days.currency
        and {{ valid_on('rates', 'days.revenue_on') }}
    where {{ stale_days('days.revenue_on') }}
    group by cast(date_trunc('month', days.revenue_on) as date), days.country, days.plan_code

),

listening as (

    select
        cast(date_trunc('month', played_on) as date) as month,
        country,
        plan_code,
        sum(ms_played) as ms_played,
        sum(streams) as streams,
        max(listeners) as listeners_best_day
    from {{ ref('listening_daily') }}
    where {{ stale_days('played_on') }}
    group by cast(date_trunc('month', played_on) as date), country, plan_code

),

both_sides as (

    select
        coalesce(revenue.month, listening.month) as month,
        coalesce(revenue.country, listening.country) as country,
        coalesce(revenue.plan_code, listening.plan_code) as plan_code,
        cast(coalesce(revenue.euro_cents, 0) as bigint) as euro_cents,
        cast(coalesce(listening.ms_played, 0) as bigint) as ms_played,
        cast(coalesce(listening.streams, 0) as bigint) as streams,
        coalesce(listening.listeners_best_day, 0) as listeners_best_day
    from revenue
    full outer join listening
        on listening.month = revenue.month
        and listening.country = revenue.country
        and listening.plan_code = revenue.plan_code

)

select
    month,
    country,
    plan_code,
    {{ from_cents('euro_cents') }} as revenue_eur,
    streams,
    listeners_best_day,
    {{ from_cents(rounded_quotient('ms_played', 36000)) }} as listening_hours,
    case
        when ms_played > 0 then {{ from_cents(rounded_quotient('euro_cents * 3600000', 'ms_played')) }}
    end as revenue_eur_per_hour
from both_sides
