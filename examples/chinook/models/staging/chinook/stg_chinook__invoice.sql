select
    invoice_id,
    customer_id,
    issued_at,
    country,
    total_amount,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id
from {{ source('chinook', 'invoice') }}
where {{ broken_rule('chinook', 'invoice') }} is null
