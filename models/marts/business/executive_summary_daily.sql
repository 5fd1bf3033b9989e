{{ config(day='day', reads={'int_business__country_days': 'day', 'active_listeners_daily': 'day'}) }}
with sums as (

    select
        day,
        sum(net_euro_cents) as net_euro_cents,
        sum(advertising_euro_cents) as advertising_euro_cents,
        cast(sum(members) as bigint) as members,
        cast(sum(in_trial) as bigint) as in_trial,
        cast(sum(paying) as bigint) as paying_members,
        cast(sum(trials_started) as bigint) as trials_started,
        cast(sum(started) as bigint) as started,
        cast(sum(ended) as bigint) as ended,
        cast(sum(plays) as bigint) as plays,
        cast(sum(streams) as bigint) as streams,
        cast(sum(streams_recommendation) as bigint) as streams_recommendation,
        sum(ms_played) as ms_played,
        cast(sum(searches) as bigint) as searches,
        cast(sum(searches_without_result) as bigint) as searches_without_result,
        cast(sum(payments) as bigint) as payments,
        cast(sum(payments_declined) as bigint) as payments_declined
    from {{ ref('int_business__country_days') }}
    where {{ stale_days('day') }}
    group by day

),

listeners as (

    select day, listeners_1_day, listeners_7_days, listeners_28_days
    from {{ ref('active_listeners_daily') }}
    where country = 'world' and {{ stale_days('day') }}

)

select
    sums.day,
    {{ from_cents('sums.net_euro_cents') }} as net_revenue_eur,
    {{ from_cents('sums.advertising_euro_cents') }} as advertising_revenue_eur,
    sums.members,
    sums.in_trial,
    sums.paying_members,
    sums.trials_started,
    sums.started,
    sums.ended,
    sums.plays,
    sums.streams,
    sums.streams_recommendation,
    {{ from_cents(rounded_quotient('sums.ms_played', 36000)) }} as listening_hours,
    listeners.listeners_1_day,
    listeners.listeners_7_days,
    listeners.listeners_28_days,
    sums.searches,
    sums.searches_without_result,
    sums.payments,
    sums.payments_declined
from sums
left join listeners on listeners.day = sums.day
