{{ config(materialized='whole') }}
-- What is long ago comes from the newest month's row of a member, so that it costs the same after years.
with newest as (

    select month
    from {{ ref('int_member_lifetime') }}
    order by month desc
    limit 1

),

lifetime as (

    select months.*
    from {{ ref('int_member_lifetime') }} as months
    inner join newest on newest.month = months.month

),

as_of as (

    select
        max(last_played_on) as as_of_on,
        {{ add_periods('max(last_played_on)', -7, 'day') }} as week_before,
        {{ add_periods('max(last_played_on)', -30, 'day') }} as month_before
    from lifetime

),

recent as (

    select
        days.account_id,
        count(distinct case when days.played_on > as_of.week_before then days.played_on end) as active_days_7,
        count(distinct days.played_on) as active_days_30,
        cast(sum(case when days.played_on > as_of.week_before then days.streams else 0 end) as bigint) as streams_7,
        cast(sum(days.streams) as bigint) as streams_30
    from {{ ref('int_member_listening_daily') }} as days
    inner join as_of on as_of.month_before < days.played_on
    group by days.account_id

)

select
    lifetime.account_id,
    as_of.as_of_on,
    lifetime.first_played_on,
    lifetime.last_played_on,
    cast(date_trunc('month', lifetime.first_played_on) as date) as cohort_month,
    coalesce(recent.active_days_7, 0) as active_days_7,
    coalesce(recent.active_days_30, 0) as active_days_30,
    coalesce(recent.streams_7, 0) as streams_7,
    coalesce(recent.streams_30, 0) as streams_30,
    lifetime.active_days,
    lifetime.plays,
    lifetime.streams,
    lifetime.ms_played
from lifetime
cross join as_of
left join recent on recent.account_id = lifetime.account_id
