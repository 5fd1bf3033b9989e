{{ config(
    day='played_on',
    reads={'int_plays_counted': 'day', 'dim_track_history': 'sliced', 'dim_artist_history': 'sliced'}
) }}
-- A play of a track that the catalogue does not know yet waits: it is here as soon as the track is.
with heard as (

    select
        plays.played_on,
        tracks.artist_id,
        plays.country,
        count(*) as plays,
        count(case when plays.is_stream then 1 end) as streams,
        cast(sum(plays.ms_played) as bigint) as ms_played,
        count(distinct plays.account_id) as listeners
    from {{ ref('int_plays_counted') }} as plays
    inner join {{ ref('dim_track_history') }} as tracks
        on tracks.track_id = plays.track_id
        and {{ valid_on('tracks', 'plays.played_on') }}
    where {{ stale_days('plays.played_on') }}
    group by plays.played_on, tracks.artist_id, plays.country

)

select
    heard.played_on,
    heard.artist_id,
    artists.name as artist_name,
    artists.main_genre,
    heard.country,
    heard.plays,
    heard.streams,
    heard.ms_played,
    heard.listeners
from heard
left join {{ ref('dim_artist_history') }} as artists
    on artists.artist_id = heard.artist_id
    and {{ valid_on('artists', 'heard.played_on') }}
