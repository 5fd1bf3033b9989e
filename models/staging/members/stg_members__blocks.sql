select
    block_id,
    account_id,
    item_kind,
    item_id,
    is_on,
    changed_at,
    _event_on as changed_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('members', 'blocks') }}
where {{ broken_rule('members', 'blocks') }} is null
