select
    invoice_line_id,
    invoice_id,
    line_number,
    kind,
    plan_code,
    service_from,
    service_to,
    currency,
    gross_amount,
    discount_amount,
    net_amount,
    tax_rate,
    tax_amount,
    issued_at,
    updated_at,
    _event_on as issued_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('billing', 'invoice_lines') }}
where {{ broken_rule('billing', 'invoice_lines') }} is null
