-- And nothing that can be played somewhere is missing.
with found as (

    select item_id
    from {{ ref('fct_search_documents') }}
    where kind = 'track'

),

playable as (

    select tracks.track_id
    from {{ ref('dim_track') }} as tracks
    inner join {{ ref('int_discovery__search_reach') }} as reach on reach.document_id = 'track:' || tracks.track_id
    where tracks.taken_down_at is null and tracks.removed_on is null

)

select coalesce(found.item_id, playable.track_id) as track_id
from found
full outer join playable on playable.track_id = found.item_id
where found.item_id is null or playable.track_id is null
