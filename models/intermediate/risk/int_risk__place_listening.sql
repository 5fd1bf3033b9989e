{{ config(day='played_on', reads={'fct_plays': 'day'}) }}
-- Tracks that most of the accounts at one device or address play. A campus or a family shares its address, not its
-- taste.
with plays as (

    select
        played_on,
        account_id,
        track_id,
        'device' as kind,
        device_id as place
    from {{ ref('fct_plays') }}
    where {{ stale_days('played_on') }} and ms_played >= {{ var('stream_ms') }} and device_id is not null
    union all
    select
        played_on,
        account_id,
        track_id,
        'network' as kind,
        network_prefix as place
    from {{ ref('fct_plays') }}
    where {{ stale_days('played_on') }} and ms_played >= {{ var('stream_ms') }} and network_prefix is not null

),

places as (

    select
        played_on,
        kind,
        place,
        count(distinct account_id) as accounts,
        count(*) as streams
    from plays
    group by played_on, kind, place
    having count(distinct account_id) >= {{ rule_threshold('same_place', 'accounts') }}

),

tracks as (

    select
        plays.played_on,
        plays.kind,
        plays.place,
        plays.track_id,
        places.accounts,
        places.streams,
        count(*) as track_streams,
        count(distinct plays.account_id) as track_accounts
    from plays
    inner join places on places.played_on = plays.played_on and places.kind = plays.kind and places.place = plays.place
    group by plays.played_on, plays.kind, plays.place, plays.track_id, places.accounts, places.streams

),

shared as (

    select
        *,
        sum(track_streams) over (partition by played_on, kind, place) as shared_streams
    from tracks
    where track_accounts >= {{ rule_threshold('same_place', 'taste') }} * accounts

)

select
    played_on,
    kind,
    place,
    track_id,
    accounts,
    streams,
    shared_streams
from shared
where
    shared_streams >= {{ rule_threshold('same_place', 'share') }} * streams
    and streams >= {{ rule_threshold('same_place', 'plays_each') }} * accounts
