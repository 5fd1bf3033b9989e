{{ config(day='played_on', reads={'int_plays_counted': 'day'}) }}
select
    played_on,
    account_id,
    country,
    count(*) as plays,
    count(case when is_stream then 1 end) as streams,
    count(case when is_artificial then 1 end) as artificial_plays,
    cast(sum(ms_played) as bigint) as ms_played
from {{ ref('int_plays_counted') }}
where {{ stale_days('played_on') }}
group by played_on, account_id, country
