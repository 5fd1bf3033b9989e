select
    release_id,
    artist_id,
    licensor_id,
    title,
    upc,
    release_kind,
    label,
    released_on,
    created_at,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('catalog', 'releases') }}
where {{ broken_rule('catalog', 'releases') }} is null
