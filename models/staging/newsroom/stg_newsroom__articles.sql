select
    article_id,
    outlet,
    title,
    lead,
    language,
    country,
    section,
    url,
    published_at,
    updated_at,
    correction_of,
    is_retracted,
    _event_on as published_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('newsroom', 'articles') }}
where {{ broken_rule('newsroom', 'articles') }} is null
