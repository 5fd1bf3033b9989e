{{ config(day='played_on', reads={'fct_plays': 'day'}) }}
select
    played_on,
    account_id,
    count(*) as plays,
    count(case when ms_played >= {{ var('stream_ms') }} then 1 end) as streams,
    sum(cast(ms_played as bigint)) as ms_heard,
    count(distinct device_id) as devices,
    count(distinct network_prefix) as networks,
    count(distinct country) as countries,
    count(distinct track_id) as tracks
from {{ ref('fct_plays') }}
where {{ stale_days('played_on') }}
group by played_on, account_id
