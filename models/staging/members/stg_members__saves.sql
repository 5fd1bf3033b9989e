select
    save_id,
    account_id,
    track_id,
    is_on,
    changed_at,
    _event_on as changed_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('members', 'saves') }}
where {{ broken_rule('members', 'saves') }} is null
