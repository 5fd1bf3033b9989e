{{ config(day='changed_on', reads={'stg_playback__tracks': 'previous'}) }}
with days as (

    select snapshot_on, lag(snapshot_on) over (order by snapshot_on) as previous_on
    from (select distinct snapshot_on from {{ ref('stg_playback__tracks') }}) as snapshots

)

select tracks.track_id, tracks.artist_id, days.snapshot_on as changed_on
from days
inner join {{ ref('stg_playback__tracks') }} as tracks on tracks.snapshot_on = days.snapshot_on
left join {{ ref('stg_playback__tracks') }} as before on before.snapshot_on = days.previous_on and before.track_id = tracks.track_id
where {{ stale_days('days.snapshot_on') }} and before.artist_id is distinct from tracks.artist_id
