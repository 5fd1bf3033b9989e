{{ config(day='played_on', reads={'fct_plays': 'day'}) }}
with per_account as (

    select
        played_on,
        track_id,
        account_id,
        count(*) as streams
    from {{ ref('fct_plays') }}
    where {{ stale_days('played_on') }} and ms_played >= {{ var('stream_ms') }}
    group by played_on, track_id, account_id

)

select
    played_on,
    track_id,
    sum(streams) as streams,
    count(*) as accounts,
    count(case when streams >= {{ rule_threshold('pushed_track', 'plays_each') }} then 1 end) as repeating_accounts,
    sum(case when streams >= {{ rule_threshold('pushed_track', 'plays_each') }} then streams else 0 end) as repeated_streams
from per_account
group by played_on, track_id
