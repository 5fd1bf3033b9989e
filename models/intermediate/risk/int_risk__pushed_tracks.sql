{{ config(day='played_on', reads={'int_risk__track_listening': 21}) }}
-- Tracks that a few accounts suddenly play over and over. A lullaby is played like that every night: it does not rise.
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
        ) as best_day_before
    from listening

)

select
    played_on,
    track_id,
    streams,
    accounts,
    repeating_accounts,
    repeated_streams,
    coalesce(best_day_before, 0) as best_day_before
from compared
where
    repeating_accounts >= {{ rule_threshold('pushed_track', 'accounts') }}
    and repeated_streams >= {{ rule_threshold('pushed_track', 'repeated_share') }} * streams
    and streams >= {{ rule_threshold('pushed_track', 'rise') }} * coalesce(best_day_before, 0)
