select
    event_id,
    article_id,
    reader_id,
    event,
    country,
    dwell_ms,
    occurred_at,
    _event_on as occurred_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('newsroom', 'reader_events') }}
where {{ broken_rule('newsroom', 'reader_events') }} is null
