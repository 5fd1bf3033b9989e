select
    run_id,
    mart,
    logical_on,
    domain,
    published_run,
    changed_run,
    content_hash,
    row_count,
    bytes,
    is_changed,
    late_since,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('nightshift', 'mart_versions') }}
where {{ broken_rule('nightshift', 'mart_versions') }} is null
