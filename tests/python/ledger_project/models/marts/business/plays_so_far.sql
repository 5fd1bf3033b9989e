{{ config(day='played_on', reads={'fct_plays': 'day', 'self': 'previous'}, contract={'enforced': true}) }}
with today as (

    select played_on, count(*) as plays from {{ ref('fct_plays') }} where {{ stale_days('played_on') }} group by played_on

)

select
    today.played_on,
    today.plays + coalesce(before.plays_so_far, 0) as plays_so_far
from today
left join {{ this }} as before on before.played_on = today.played_on - interval 1 day
