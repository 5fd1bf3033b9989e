{{ config(severity='warn') }}
-- Plays that wait for their track: the catalogue does not know it on the day it was heard. More than one in a hundred
-- of a day means that something is wrong with the catalogue's dumps.
select
    plays.played_on,
    count(*) as plays,
    count(case when tracks.track_id is null then 1 end) as plays_without_a_track
from {{ ref('fct_plays') }} as plays
left join {{ ref('dim_track_history') }} as tracks
    on tracks.track_id = plays.track_id
    and {{ valid_on('tracks', 'plays.played_on') }}
where {{ changed_days('fct_plays', 'plays.played_on') }}
group by plays.played_on
having count(case when tracks.track_id is null then 1 end) * 100 > count(*)
