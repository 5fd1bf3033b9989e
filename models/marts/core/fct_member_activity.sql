{{ config(materialized='whole') }}
-- What is long ago comes from the newest month's row of a member, so that it costs the same after years.
with lifetime as (

    select *
    from {{ ref('int_member_lifetime') }}
    where month = (select month from {{ ref('int_member_lifetime') }} order by month desc limit 1)

),

as_of as (

    select max(last_played_on) as as_of_on from lifetime

),

recent as (

    select
        days.account_id,
        count(distinct case when days.played_on > week.since then days.played_on end) as active_days_7,
        count(distinct days.played_on) as active_days_30,
        cast(sum(case when days.played_on > week.since then days.streams else 0 end) as bigint) as streams_7,
        cast(sum(days.streams) as bigint) as streams_30
    from {{ ref('int_member_listening_daily') }} as days
    cross join (select {{ add_periods('as_of_on', -7, 'day') }} as since from as_of) as week
    where days.played_on > (select {{ add_periods('as_of_on', -30, 'day') }} from as_of)
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
