select
    click_id,
    send_key,
    account_id,
    kind,
    link,
    occurred_at,
    _event_on as occurred_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('mail', 'clicks') }}
where {{ broken_rule('mail', 'clicks') }} is null
