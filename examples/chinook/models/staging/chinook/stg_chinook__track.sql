select
    track_id,
    name,
    genre_id,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id
from {{ source('chinook', 'track') }}
where {{ broken_rule('chinook', 'track') }} is null
