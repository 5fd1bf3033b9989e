select
    credit_note_id,
    invoice_id,
    invoice_line_id,
    refund_id,
    kind,
    reason,
    currency,
    net_amount,
    tax_amount,
    issued_at,
    _event_on as issued_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('billing', 'credit_notes') }}
where {{ broken_rule('billing', 'credit_notes') }} is null
