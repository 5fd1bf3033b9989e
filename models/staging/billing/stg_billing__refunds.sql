select
    refund_id,
    payment_id,
    invoice_id,
    account_id,
    reason,
    amount,
    tax_amount,
    currency,
    state,
    requested_at,
    updated_at,
    _event_on as requested_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('billing', 'refunds') }}
where {{ broken_rule('billing', 'refunds') }} is null
