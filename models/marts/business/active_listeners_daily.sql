{{ config(day='day', reads={'int_member_listening_daily': 28}) }}
-- Distinct people, so days cannot be added up: each day looks back over its own 28.
with days as (

    select distinct played_on as day from {{ ref('int_member_listening_daily') }}
    where {{ stale_days('played_on') }}

),

heard as (

    select
        days.day,
        listening.country,
        listening.account_id,
        max(listening.played_on) as last_on
    from days
    inner join {{ ref('int_member_listening_daily') }} as listening
        on listening.played_on <= days.day
        and listening.played_on > {{ add_periods('days.day', -28, 'day') }}
    where {{ stale_days('listening.played_on', lookback=28) }}
    group by days.day, listening.country, listening.account_id

),

everywhere as (

    select day, country, account_id, last_on from heard
    union all
    select day, 'world' as country, account_id, max(last_on) as last_on from heard
    group by day, account_id

)

select
    day,
    country,
    count(case when last_on = day then 1 end) as listeners_1_day,
    count(case when last_on > {{ add_periods('day', -7, 'day') }} then 1 end) as listeners_7_days,
    count(*) as listeners_28_days
from everywhere
group by day, country
