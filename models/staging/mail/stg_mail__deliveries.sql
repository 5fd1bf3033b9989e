select
    delivery_id,
    send_key,
    campaign,
    account_id,
    smtp_code,
    enhanced_status,
    smtp_reply,
    occurred_at,
    _event_on as occurred_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('mail', 'deliveries') }}
where {{ broken_rule('mail', 'deliveries') }} is null
