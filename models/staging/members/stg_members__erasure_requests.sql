select
    request_id,
    account_id,
    requested_at,
    _event_on as requested_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('members', 'erasure_requests') }}
where {{ broken_rule('members', 'erasure_requests') }} is null
