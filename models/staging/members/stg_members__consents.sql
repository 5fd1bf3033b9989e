select
    account_id,
    topic,
    is_given,
    changed_at,
    source,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('members', 'consents') }}
where {{ broken_rule('members', 'consents') }} is null
