{{ config(materialized='whole') }}
-- Nothing else of a track matters to royalties, so nothing else makes a month stale.
select
    track_id,
    recording_id,
    licensor_id,
    cast(created_at as date) as valid_from,
    cast(null as date) as valid_to
from {{ ref('dim_track') }}
