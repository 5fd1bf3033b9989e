select
    send_key,
    state,
    campaign,
    topic,
    period,
    account_id,
    address_hash,
    message_id,
    smtp_code,
    enhanced_status,
    reason,
    is_holdout,
    occurred_at,
    _event_on as occurred_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('nightshift', 'sends') }}
where {{ broken_rule('nightshift', 'sends') }} is null
