{{ config(day='played_on', reads={'fct_plays': 'day'}) }}
select
    played_on,
    count(*) as plays,
    sum(case when ms_played >= (select min(stream_ms) from {{ ref('thresholds') }}) then 1 else 0 end) as streams
from {{ ref('fct_plays') }}
where {{ stale_days('played_on') }}
group by played_on
