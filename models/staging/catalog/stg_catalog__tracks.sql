select
    track_id,
    recording_id,
    release_id,
    artist_id,
    licensor_id,
    isrc,
    title,
    genre,
    language,
    released_on,
    is_explicit,
    duration_ms,
    taken_down_at,
    created_at,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('catalog', 'tracks') }}
where {{ broken_rule('catalog', 'tracks') }} is null
