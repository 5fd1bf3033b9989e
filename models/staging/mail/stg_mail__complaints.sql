select
    complaint_id,
    send_key,
    account_id,
    feedback_type,
    occurred_at,
    _event_on as occurred_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('mail', 'complaints') }}
where {{ broken_rule('mail', 'complaints') }} is null
