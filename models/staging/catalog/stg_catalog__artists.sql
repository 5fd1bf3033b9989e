select
    artist_id,
    name,
    aliases,
    country,
    main_genre,
    created_at,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('catalog', 'artists') }}
where {{ broken_rule('catalog', 'artists') }} is null
