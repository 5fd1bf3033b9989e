{{ config(day='month', unit='month', reads={'track_monthly': 'day', 'dim_release_history': 'sliced'}) }}
with heard as (

    select
        month,
        release_id,
        min(artist_id) as artist_id,
        min(artist_name) as artist_name,
        count(*) as tracks_heard,
        cast(sum(plays) as bigint) as plays,
        cast(sum(streams) as bigint) as streams,
        cast(sum(streams_recommendation) as bigint) as streams_recommendation,
        cast(sum(streams_search) as bigint) as streams_search,
        cast(sum(streams_editorial) as bigint) as streams_editorial,
        cast(sum(ms_played) as bigint) as ms_played,
        max(listeners_best_day) as listeners_best_day,
        cast(sum(saves) as bigint) as saves
    from {{ ref('track_monthly') }}
    where release_id is not null and {{ stale_days('month') }}
    group by month, release_id

),

dated as (

    select *, {{ add_periods(add_periods('month', 1, 'month'), -1, 'day') }} as last_on from heard

)

select
    dated.month,
    dated.release_id,
    releases.title,
    releases.release_kind,
    releases.label,
    releases.released_on,
    dated.artist_id,
    dated.artist_name,
    dated.tracks_heard,
    dated.plays,
    dated.streams,
    dated.streams_recommendation,
    dated.streams_search,
    dated.streams_editorial,
    dated.ms_played,
    dated.listeners_best_day,
    dated.saves
from dated
left join {{ ref('dim_release_history') }} as releases
    on releases.release_id = dated.release_id
    and {{ valid_on('releases', 'dated.last_on') }}
