{{ config(day='active_on', reads={'fct_plays': 7}) }}
with days as (

    select distinct played_on as active_on from {{ ref('fct_plays') }} where {{ stale_days('played_on') }}

)

select days.active_on, count(distinct plays.account_id) as listeners
from days
inner join {{ ref('fct_plays') }} as plays
    on plays.played_on <= days.active_on and plays.played_on > days.active_on - interval 7 day
where {{ stale_days('plays.played_on', lookback=7) }}
group by days.active_on
