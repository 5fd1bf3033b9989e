select
    chargeback_id,
    payment_id,
    account_id,
    reason,
    amount,
    currency,
    state,
    opened_at,
    updated_at,
    _event_on as opened_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('billing', 'chargebacks') }}
where {{ broken_rule('billing', 'chargebacks') }} is null
