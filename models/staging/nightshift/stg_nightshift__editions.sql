select
    edition,
    published_at,
    rank,
    story_id,
    article_id,
    title,
    url,
    outlet,
    section,
    outlets,
    score,
    reason_text,
    content_hash,
    _event_on as published_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('nightshift', 'editions') }}
where {{ broken_rule('nightshift', 'editions') }} is null
