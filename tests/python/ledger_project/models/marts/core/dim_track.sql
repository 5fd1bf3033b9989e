{{ config(materialized='whole') }}
select
    track_id,
    artist_id,
    changed_on as valid_from,
    lead(changed_on) over (partition by track_id order by changed_on) as valid_to
from {{ ref('track_changes') }}
