{{ config(day='played_on', reads={'int_plays_counted': 'day'}) }}
-- Streams only: what was judged artificial never enters, neither a history nor what is popular.
select
    played_on,
    account_id,
    track_id,
    min(country) as country,
    count(*) as streams,
    count(case when context = 'recommendation' then 1 end) as recommended_streams
from {{ ref('int_plays_counted') }}
where {{ stale_days('played_on') }} and is_stream
group by played_on, account_id, track_id
