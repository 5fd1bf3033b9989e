{{ config(day='week', unit='week', reads={'int_member_listening_daily': 'day', 'dim_member_history': 'sliced'}) }}
with listening as (

    select
        *,
        cast(date_trunc('week', played_on) as date) as week
    from {{ ref('int_member_listening_daily') }}
    where {{ stale_days('played_on') }}

),

as_they_were as (

    select
        listening.*,
        coalesce(members.birth_year_band, 'not told') as birth_year_band
    from listening
    left join {{ ref('dim_member_history') }} as members
        on members.account_id = listening.account_id
        and {{ valid_on('members', 'listening.played_on') }}

)

select
    week,
    country,
    plan_code,
    birth_year_band,
    count(distinct account_id) as listeners,
    cast(sum(streams) as bigint) as streams,
    cast(sum(ms_played) as bigint) as ms_played
from as_they_were
group by week, country, plan_code, birth_year_band
