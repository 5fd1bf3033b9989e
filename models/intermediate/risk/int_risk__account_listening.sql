{{ config(day='played_on', reads={'fct_plays': 'day', 'int_risk__unbroken_listening': 'day'}) }}
-- What an account hears in a day. What it plays at least three times that day it repeats: a bot repeats nearly all it
-- plays, a café or a family hardly anything, and who sleeps to music plays one track.
with per_track as (

    select
        played_on,
        account_id,
        track_id,
        count(*) as plays,
        count(case when ms_played >= {{ var('stream_ms') }} then 1 end) as streams,
        sum(cast(ms_played as bigint)) as ms_heard
    from {{ ref('fct_plays') }}
    where {{ stale_days('played_on') }}
    group by played_on, account_id, track_id

),

shares as (

    select
        *,
        cast(plays as double) / sum(plays) over (partition by played_on, account_id) as share
    from per_track

),

of_account as (

    select
        played_on,
        account_id,
        sum(plays) as plays,
        sum(streams) as streams,
        sum(ms_heard) as ms_heard,
        count(*) as tracks,
        max(plays) as plays_of_favourite,
        sum(case when plays >= 3 then plays else 0 end) as repeated_plays,
        -- each term is rounded before they are added, so that the sum does not depend on their order
        cast(sum(cast(-share * log2(share) as decimal(18, 9))) as decimal(9, 4)) as track_entropy
    from shares
    group by played_on, account_id

),

places as (

    select
        played_on,
        account_id,
        count(distinct device_id) as devices,
        count(distinct network_prefix) as networks,
        count(distinct country) as countries
    from {{ ref('fct_plays') }}
    where {{ stale_days('played_on') }}
    group by played_on, account_id

)

select
    of_account.played_on,
    of_account.account_id,
    of_account.plays,
    of_account.streams,
    of_account.ms_heard,
    places.devices,
    places.networks,
    places.countries,
    of_account.tracks,
    of_account.plays_of_favourite,
    of_account.repeated_plays,
    of_account.track_entropy,
    unbroken.ms_without_break
from of_account
inner join places on places.played_on = of_account.played_on and places.account_id = of_account.account_id
inner join {{ ref('int_risk__unbroken_listening') }} as unbroken
    on unbroken.played_on = of_account.played_on and unbroken.account_id = of_account.account_id
where {{ stale_days('unbroken.played_on') }}
