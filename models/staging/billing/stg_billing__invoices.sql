select
    invoice_id,
    account_id,
    subscription_id,
    country,
    currency,
    state,
    net_amount,
    tax_amount,
    total_amount,
    issued_at,
    due_on,
    updated_at,
    _event_on as issued_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('billing', 'invoices') }}
where {{ broken_rule('billing', 'invoices') }} is null
