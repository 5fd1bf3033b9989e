{{ config(day='played_on', reads={'int_member_listening_daily': 'day'}) }}
select
    played_on,
    country,
    plan_code,
    cast(sum(plays) as bigint) as plays,
    cast(sum(streams) as bigint) as streams,
    cast(sum(artificial_plays) as bigint) as artificial_plays,
    cast(sum(ms_played) as bigint) as ms_played,
    count(*) as listeners
from {{ ref('int_member_listening_daily') }}
where {{ stale_days('played_on') }}
group by played_on, country, plan_code
