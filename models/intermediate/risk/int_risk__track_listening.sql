{{ config(day='played_on', reads={'fct_plays': 'day'}) }}
{%- set limit = rule_threshold %}
-- Who plays a track all night sleeps to it: that is not repeating it.
with per_account as (

    select
        played_on,
        track_id,
        account_id,
        count(*) as streams
    from {{ ref('fct_plays') }}
    where {{ stale_days('played_on') }} and ms_played >= {{ var('stream_ms') }}
    group by played_on, track_id, account_id

),

repeated as (

    select
        *,
        streams >= {{ limit('pushed_track', 'plays_each') }}
        and streams <= {{ limit('pushed_track', 'plays_most') }} as is_repeated
    from per_account

)

select
    played_on,
    track_id,
    sum(streams) as streams,
    count(*) as accounts,
    count(case when is_repeated then 1 end) as repeating_accounts,
    sum(case when is_repeated then streams else 0 end) as repeated_streams
from repeated
group by played_on, track_id
