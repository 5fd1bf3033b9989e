{{ config(day='played_on', reads={'int_plays_counted': 'day'}) }}
select
    played_on,
    track_id,
    count(*) as streams
from {{ ref('int_plays_counted') }}
where {{ stale_days('played_on') }} and is_stream
group by played_on, track_id
