-- All plays and milliseconds of a day are in business.listening_daily, and in business.artist_daily but for those that
-- wait for their track.
with plays as (

    select
        plays.played_on,
        count(*) as plays,
        sum(plays.ms_played) as ms_played,
        count(tracks.track_id) as plays_of_known_tracks
    from {{ ref('fct_plays') }} as plays
    left join {{ ref('dim_track_history') }} as tracks
        on tracks.track_id = plays.track_id
        and {{ valid_on('tracks', 'plays.played_on') }}
    where {{ changed_days('listening_daily', 'plays.played_on') }}
    group by plays.played_on

),

listening as (

    select played_on, sum(plays) as plays, sum(ms_played) as ms_played
    from {{ ref('listening_daily') }}
    where {{ changed_days('listening_daily', 'played_on') }}
    group by played_on

),

artists as (

    select played_on, sum(plays) as plays
    from {{ ref('artist_daily') }}
    where {{ changed_days('listening_daily', 'played_on') }}
    group by played_on

)

select
    plays.played_on,
    plays.plays,
    listening.plays as plays_in_listening,
    plays.ms_played,
    listening.ms_played as ms_in_listening,
    plays.plays_of_known_tracks,
    artists.plays as plays_in_artists
from plays
full outer join listening on listening.played_on = plays.played_on
left join artists on artists.played_on = plays.played_on
where
    plays.plays is distinct from listening.plays
    or plays.ms_played is distinct from listening.ms_played
    or plays.plays_of_known_tracks is distinct from coalesce(artists.plays, 0)
