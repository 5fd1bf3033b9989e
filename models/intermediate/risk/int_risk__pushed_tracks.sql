{{ config(day='played_on', reads={'int_risk__track_listening': 21, 'fct_plays': 'day'}) }}
-- Tracks that a few accounts suddenly play over and over. A lullaby is played like that every night: it does not rise.
-- While there is no past to rise from, only what comes from one country, by listeners who share nothing else, counts.
with listening as (

    select * from {{ ref('int_risk__track_listening') }}
    where {{ stale_days('played_on', lookback=21) }}

),

compared as (

    select
        *,
        max(streams) over (
            partition by track_id order by played_on
            range between interval '20 days' preceding and interval '7 days' preceding
        ) as best_day_before,
        min(played_on) over (
            order by played_on
            range between interval '20 days' preceding and interval '7 days' preceding
        ) as past_from
    from listening

),

pushed as (

    select * from compared
    where
        repeating_accounts >= {{ rule_threshold('pushed_track', 'accounts') }}
        and repeated_streams >= {{ rule_threshold('pushed_track', 'repeated_share') }} * streams
        and streams >= {{ rule_threshold('pushed_track', 'rise') }} * coalesce(best_day_before, 0)

),

heard as (

    select
        played_on,
        account_id,
        track_id,
        count(*) as streams
    from {{ ref('fct_plays') }}
    where {{ stale_days('played_on') }} and ms_played >= {{ var('stream_ms') }}
    group by played_on, account_id, track_id

),

-- What else those who repeat a track play that day: people with one taste share more than one track.
beside as (

    select
        pushed.played_on,
        pushed.track_id,
        others.track_id as other_track_id,
        count(*) as accounts
    from pushed
    inner join heard as of_track
        on of_track.played_on = pushed.played_on
        and of_track.track_id = pushed.track_id
        and of_track.streams >= {{ rule_threshold('pushed_track', 'plays_each') }}
    inner join heard as others
        on others.played_on = of_track.played_on
        and others.account_id = of_track.account_id
        and others.track_id <> of_track.track_id
    group by pushed.played_on, pushed.track_id, others.track_id

),

in_common as (

    select
        beside.played_on,
        beside.track_id,
        count(*) as tracks
    from beside
    inner join pushed on pushed.played_on = beside.played_on and pushed.track_id = beside.track_id
    where 2 * beside.accounts >= pushed.repeating_accounts
    group by beside.played_on, beside.track_id

)

select
    pushed.played_on,
    pushed.track_id,
    pushed.streams,
    pushed.accounts,
    pushed.repeating_accounts,
    pushed.repeated_streams,
    coalesce(pushed.best_day_before, 0) as best_day_before,
    pushed.streams_of_top_country,
    coalesce(in_common.tracks, 0) as tracks_in_common
from pushed
left join in_common on in_common.played_on = pushed.played_on and in_common.track_id = pushed.track_id
where
    pushed.past_from <= pushed.played_on - 18
    or (
        pushed.streams_of_top_country >= {{ rule_threshold('pushed_track', 'one_country') }} * pushed.streams
        and coalesce(in_common.tracks, 0) <= {{ rule_threshold('pushed_track', 'in_common') }}
    )
