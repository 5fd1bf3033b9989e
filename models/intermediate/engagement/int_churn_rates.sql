{{ config(materialized='whole') }}
-- The share that left, by sign. A sign of few members is drawn towards the share of all: as if 20 more had been seen.
with seen as (

    select days_before, sign, count(*) as members, count(case when has_left then 1 end) as members_left
    from {{ ref('int_churn_signs') }}
    where days_before > 0
    group by days_before, sign

),

altogether as (

    select days_before, sum(members) as members, sum(members_left) as members_left
    from seen
    group by days_before

)

select
    seen.days_before,
    seen.sign,
    seen.members,
    seen.members_left,
    cast(
        (seen.members_left + 20.0 * altogether.members_left / altogether.members) / (seen.members + 20) as decimal(5, 4)
    ) as leaving_share
from seen
inner join altogether on altogether.days_before = seen.days_before
