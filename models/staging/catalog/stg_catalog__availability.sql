select
    track_id,
    territory,
    valid_from,
    valid_to,
    is_available,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('catalog', 'availability') }}
where {{ broken_rule('catalog', 'availability') }} is null
