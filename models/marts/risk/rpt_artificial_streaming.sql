{{ config(day='month', unit='month', reads={'artificial_plays': 'day', 'fct_plays': 'day', 'dim_track': 'whole'}) }}
with counted as (

    select
        cast(date_trunc('month', plays.played_on) as date) as month,
        tracks.artist_id,
        plays.country,
        plays.account_id,
        plays.ms_played >= {{ var('stream_ms') }} as is_long_enough,
        artificial.reason
    from {{ ref('fct_plays') }} as plays
    left join
        {{ ref('artificial_plays') }} as artificial
        on artificial.played_on = plays.played_on and artificial.play_id = plays.play_id
    left join {{ ref('dim_track') }} as tracks on tracks.track_id = plays.track_id
    where {{ stale_days('plays.played_on') }}

)

select
    month,
    coalesce(artist_id, 'unknown') as artist_id,
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
group by month, coalesce(artist_id, 'unknown')
having count(case when reason is not null then 1 end) > 0
