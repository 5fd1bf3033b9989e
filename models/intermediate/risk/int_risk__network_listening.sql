{{ config(day='played_on', reads={'fct_plays': 'day'}) }}
-- An account on one network: a stolen account is used beside its owner, from somewhere else.
with streams as (

    select
        played_on,
        account_id,
        track_id,
        ms_played,
        coalesce(network_prefix, '') as network_prefix,
        cast(floor(epoch(played_at) / 5) as bigint) as five_seconds,
        -- plays of a track that end at the very same millisecond are whole plays of a short track, not broken off
        count(*) over (partition by played_on, account_id, track_id, ms_played) as ended_alike,
        count(*) over (partition by played_on, track_id) as track_streams
    from {{ ref('fct_plays') }}
    where {{ stale_days('played_on') }} and ms_played >= {{ var('stream_ms') }}

),

moments as (

    select
        played_on,
        track_id,
        five_seconds,
        count(distinct account_id) as accounts
    from streams
    group by played_on, track_id, five_seconds

)

select
    streams.played_on,
    streams.account_id,
    streams.network_prefix,
    count(*) as streams,
    count(
        case when streams.ms_played < {{ var('stream_ms') }} + 10000 and streams.ended_alike < 3 then 1 end
    ) as short_streams,
    count(case
        when
            moments.accounts >= {{ rule_threshold('in_step', 'accounts') }}
            and moments.accounts
            >= {{ rule_threshold('in_step', 'times_chance') }} * streams.track_streams / 17280
            then 1
    end) as streams_in_step
from streams
inner join moments
    on moments.played_on = streams.played_on
    and moments.track_id = streams.track_id
    and moments.five_seconds = streams.five_seconds
group by streams.played_on, streams.account_id, streams.network_prefix
