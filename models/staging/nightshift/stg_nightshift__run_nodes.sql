select
    run_id,
    node,
    logical_on,
    kind,
    name,
    about,
    domain,
    status,
    seconds,
    started_at,
    thread,
    rows_written,
    days_written,
    failures,
    message,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('nightshift', 'run_nodes') }}
where {{ broken_rule('nightshift', 'run_nodes') }} is null
