select
    split_id,
    recording_id,
    rights_holder_id,
    share,
    valid_from,
    valid_to,
    created_at,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('catalog', 'splits') }}
where {{ broken_rule('catalog', 'splits') }} is null
