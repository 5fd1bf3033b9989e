select
    request_id,
    _event_on as erased_on,
    account_id,
    vault_rows,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('nightshift', 'erasures') }}
where {{ broken_rule('nightshift', 'erasures') }} is null
