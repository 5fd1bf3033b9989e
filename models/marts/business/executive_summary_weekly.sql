{{ config(day='week', unit='week', reads={'int_business__country_days': 'day', 'active_listeners_daily': 'day'}) }}
-- Stocks (members, listeners) are those of the week's last day known, flows are the week's sums.
with days as (

    select
        *,
        cast(date_trunc('week', day) as date) as week,
        max(day) over (partition by cast(date_trunc('week', day) as date)) as last_on
    from {{ ref('int_business__country_days') }}
    where {{ stale_days('day') }}

),

sums as (

    select
        week,
        country,
        max(last_on) as last_on,
        sum(net_euro_cents) as net_euro_cents,
        sum(advertising_euro_cents) as advertising_euro_cents,
        cast(sum(case when day = last_on then coalesce(members, 0) else 0 end) as bigint) as members,
        cast(sum(case when day = last_on then coalesce(in_trial, 0) else 0 end) as bigint) as in_trial,
        cast(sum(case when day = last_on then coalesce(paying, 0) else 0 end) as bigint) as paying_members,
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
    from days
    group by week, country

),

known as (

    select distinct day from days
    where members is not null

),

listeners as (

    select day, country, listeners_7_days, listeners_28_days
    from {{ ref('active_listeners_daily') }}
    where {{ stale_days('day') }}

)

select
    sums.week,
    sums.country,
    sums.last_on,
    {{ from_cents('sums.net_euro_cents') }} as net_revenue_eur,
    {{ from_cents('sums.advertising_euro_cents') }} as advertising_revenue_eur,
    case when known.day is not null then sums.members end as members,
    case when known.day is not null then sums.in_trial end as in_trial,
    case when known.day is not null then sums.paying_members end as paying_members,
    sums.trials_started,
    sums.started,
    sums.ended,
    sums.plays,
    sums.streams,
    sums.streams_recommendation,
    {{ from_cents(rounded_quotient('sums.ms_played', 36000)) }} as listening_hours,
    case when known.day is not null then coalesce(listeners.listeners_7_days, 0) end as listeners_7_days,
    case when known.day is not null then coalesce(listeners.listeners_28_days, 0) end as listeners_28_days,
    sums.searches,
    sums.searches_without_result,
    sums.payments,
    sums.payments_declined
from sums
left join known on known.day = sums.last_on
left join listeners
    on listeners.day = sums.last_on
    and listeners.country = sums.country
