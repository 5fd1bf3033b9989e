select
    booking_id,
    bank_account,
    booked_on,
    _event_on as value_on,
    amount,
    currency,
    counterparty,
    reference,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('bank', 'statements') }}
where {{ broken_rule('bank', 'statements') }} is null
