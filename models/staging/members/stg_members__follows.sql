select
    follow_id,
    account_id,
    artist_id,
    is_on,
    changed_at,
    _event_on as changed_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('members', 'follows') }}
where {{ broken_rule('members', 'follows') }} is null
