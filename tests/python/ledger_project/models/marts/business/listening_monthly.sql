{{ config(day='month', unit='month', reads={'fct_plays': 'day'}) }}
select cast(date_trunc('month', played_on) as date) as month, count(*) as plays
from {{ ref('fct_plays') }}
where {{ stale_days('played_on') }}
group by cast(date_trunc('month', played_on) as date)
