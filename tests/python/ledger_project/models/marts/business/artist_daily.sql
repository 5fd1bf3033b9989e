{{ config(day='played_on', reads={'fct_plays': 'day', 'dim_track': 'sliced'}) }}
select plays.played_on, tracks.artist_id, count(*) as plays
from {{ ref('fct_plays') }} as plays
left join {{ ref('dim_track') }} as tracks
    on tracks.track_id = plays.track_id
    and plays.played_on >= tracks.valid_from
    and (plays.played_on < tracks.valid_to or tracks.valid_to is null)
where {{ stale_days('plays.played_on') }}
group by plays.played_on, tracks.artist_id
