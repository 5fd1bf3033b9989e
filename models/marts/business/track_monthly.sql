{{
  config(day='month', unit='month', reads={
    'int_business__track_daily': 'day', 'fct_saves': 'day', 'dim_track_history': 'sliced',
    'dim_artist_history': 'sliced',
  })
}}
-- Title and artist are those of the month's last day: what a page made at the end of that month would have said.
with heard as (

    select
        cast(date_trunc('month', played_on) as date) as month,
        track_id,
        cast(sum(plays) as bigint) as plays,
        cast(sum(streams) as bigint) as streams,
        cast(sum(streams_recommendation) as bigint) as streams_recommendation,
        cast(sum(streams_search) as bigint) as streams_search,
        cast(sum(streams_editorial) as bigint) as streams_editorial,
        cast(sum(ms_played) as bigint) as ms_played,
        cast(sum(listeners) as bigint) as listener_days,
        max(listeners) as listeners_best_day
    from {{ ref('int_business__track_daily') }}
    where {{ stale_days('played_on') }}
    group by cast(date_trunc('month', played_on) as date), track_id

),

saved as (

    select cast(date_trunc('month', changed_on) as date) as month, track_id, count(case when is_on then 1 end) as saves
    from {{ ref('fct_saves') }}
    where {{ stale_days('changed_on') }}
    group by cast(date_trunc('month', changed_on) as date), track_id

),

both_sides as (

    select
        coalesce(heard.month, saved.month) as month,
        coalesce(heard.track_id, saved.track_id) as track_id,
        coalesce(heard.plays, 0) as plays,
        coalesce(heard.streams, 0) as streams,
        coalesce(heard.streams_recommendation, 0) as streams_recommendation,
        coalesce(heard.streams_search, 0) as streams_search,
        coalesce(heard.streams_editorial, 0) as streams_editorial,
        coalesce(heard.ms_played, 0) as ms_played,
        coalesce(heard.listener_days, 0) as listener_days,
        coalesce(heard.listeners_best_day, 0) as listeners_best_day,
        coalesce(saved.saves, 0) as saves
    from heard
    full outer join saved
        on saved.month = heard.month
        and saved.track_id = heard.track_id

),

dated as (

    select *, {{ add_periods(add_periods('month', 1, 'month'), -1, 'day') }} as last_on from both_sides

)

select
    dated.month,
    dated.track_id,
    tracks.title,
    tracks.artist_id,
    artists.name as artist_name,
    artists.main_genre,
    tracks.release_id,
    dated.plays,
    dated.streams,
    dated.streams_recommendation,
    dated.streams_search,
    dated.streams_editorial,
    dated.ms_played,
    dated.listener_days,
    dated.listeners_best_day,
    dated.saves
from dated
left join {{ ref('dim_track_history') }} as tracks
    on tracks.track_id = dated.track_id
    and {{ valid_on('tracks', 'dated.last_on') }}
left join {{ ref('dim_artist_history') }} as artists
    on artists.artist_id = tracks.artist_id
    and {{ valid_on('artists', 'dated.last_on') }}
