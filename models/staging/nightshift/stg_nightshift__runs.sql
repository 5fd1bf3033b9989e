select
    run_id,
    step,
    logical_on,
    started_at,
    finished_at,
    seconds,
    peak_memory_bytes,
    outcome,
    exit_code,
    rows_landed,
    rows_quarantined,
    days_built,
    published_run,
    version,
    details_json,
    _event_on as finished_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('nightshift', 'runs') }}
where {{ broken_rule('nightshift', 'runs') }} is null
