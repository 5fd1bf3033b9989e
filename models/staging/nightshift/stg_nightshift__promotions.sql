select
    model,
    version,
    decided_at,
    action,
    champion_before,
    reason,
    decided_by,
    metrics_json,
    _event_on as decided_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('nightshift', 'promotions') }}
where {{ broken_rule('nightshift', 'promotions') }} is null
