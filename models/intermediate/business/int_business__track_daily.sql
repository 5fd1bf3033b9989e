{{ config(day='played_on', reads={'int_plays_counted': 'day'}) }}
select
    played_on,
    track_id,
    count(*) as plays,
    count(case when is_stream then 1 end) as streams,
    count(case when is_stream and context = 'recommendation' then 1 end) as streams_recommendation,
    count(case when is_stream and context = 'search' then 1 end) as streams_search,
    count(case when is_stream and context = 'editorial' then 1 end) as streams_editorial,
    cast(sum(ms_played) as bigint) as ms_played,
    count(distinct account_id) as listeners
from {{ ref('int_plays_counted') }}
where {{ stale_days('played_on') }}
group by played_on, track_id
