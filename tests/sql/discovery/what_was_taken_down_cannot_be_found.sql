-- And nothing that can be played is missing.
select coalesce(documents.item_id, tracks.track_id) as track_id
from (select item_id from {{ ref('fct_search_documents') }} where kind = 'track') as documents
full outer join (
    select track_id
    from {{ ref('dim_track') }}
    where taken_down_at is null and removed_on is null
        and track_id in (select substr(document_id, 7) from {{ ref('int_discovery__search_reach') }} where document_id like 'track:%')
) as tracks on tracks.track_id = documents.item_id
where documents.item_id is null or tracks.track_id is null
