{{ config(day='played_on', reads={'stg_nightshift__judgements': 'day', 'stg_support__streaming_appeals': 'whole'}) }}
-- An appeal is about weeks of plays: by the day, so that one that arrives touches the days it is about.
with judged as (

    select distinct played_on from {{ ref('stg_nightshift__judgements') }}
    where {{ stale_days('played_on') }}

)

select
    judged.played_on,
    appeals.appeal_id,
    appeals.artist_id,
    appeals.track_id,
    appeals.account_id
from judged
inner join {{ ref('stg_support__streaming_appeals') }} as appeals
    on appeals.plays_from <= judged.played_on
    and appeals.plays_to >= judged.played_on
where appeals.verdict = 'reinstated'
