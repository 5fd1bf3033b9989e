select
    unsubscribe_id,
    send_key,
    account_id,
    topic,
    method,
    occurred_at,
    _event_on as occurred_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('mail', 'unsubscribes') }}
where {{ broken_rule('mail', 'unsubscribes') }} is null
