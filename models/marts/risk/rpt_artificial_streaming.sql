{{ config(day='month', unit='month', reads={
    'artificial_plays': 'day', 'fct_plays': 'day', 'dim_track_history': 'sliced', 'dim_artist_history': 'sliced'}) }}
with counted as (

    select
        cast(date_trunc('month', plays.played_on) as date) as month,
        plays.played_on,
        tracks.artist_id,
        plays.country,
        plays.account_id,
        plays.ms_played >= {{ var('stream_ms') }} as is_long_enough,
        artificial.reason
    from {{ ref('fct_plays') }} as plays
    left join
        {{ ref('artificial_plays') }} as artificial
        on artificial.played_on = plays.played_on and artificial.play_id = plays.play_id
    left join {{ ref('dim_track_history') }} as tracks
        on tracks.track_id = plays.track_id
        and {{ valid_on('tracks', 'plays.played_on') }}
    where {{ stale_days('plays.played_on') }}

),

reported as (

    select
        month,
        artist_id,
        max(played_on) as last_on,
        count(case when is_long_enough then 1 end) as streams_reported,
        count(case when is_long_enough and reason is not null then 1 end) as streams_removed,
        count(distinct case when reason is not null then account_id end) as accounts,
        count(distinct case when reason is not null then country end) as countries,
        count(case when reason = 'just_paid' then 1 end) as plays_just_paid,
        count(case when reason = 'in_step' then 1 end) as plays_in_step,
        count(case when reason = 'no_sleep' then 1 end) as plays_no_sleep,
        count(case when reason = 'everywhere' then 1 end) as plays_everywhere,
        count(case when reason = 'same_place' then 1 end) as plays_same_place,
        count(case when reason = 'pushed_track' then 1 end) as plays_pushed_track
    from counted
    group by month, artist_id
    having count(case when reason is not null then 1 end) > 0

)

select
    reported.month,
    coalesce(reported.artist_id, 'unknown') as artist_id,
    artists.name as artist_name,
    reported.streams_reported,
    reported.streams_removed,
    reported.accounts,
    reported.countries,
    reported.plays_just_paid,
    reported.plays_in_step,
    reported.plays_no_sleep,
    reported.plays_everywhere,
    reported.plays_same_place,
    reported.plays_pushed_track
from reported
left join {{ ref('dim_artist_history') }} as artists
    on artists.artist_id = reported.artist_id
    and {{ valid_on('artists', 'reported.last_on') }}
