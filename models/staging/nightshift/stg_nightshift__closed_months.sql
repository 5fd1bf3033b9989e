select
    books,
    month,
    _event_on as closed_on,
    closed_by,
    approved_by,
    content_hash,
    checks_json,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('nightshift', 'closed_months') }}
where {{ broken_rule('nightshift', 'closed_months') }} is null
