select
    genre_id,
    name,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id
from {{ source('chinook', 'genre') }}
where {{ broken_rule('chinook', 'genre') }} is null
