select
    event_id,
    gift_card_id,
    event,
    account_id,
    payment_id,
    invoice_id,
    country,
    amount,
    currency,
    occurred_at,
    _event_on as occurred_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('billing', 'gift_cards') }}
where {{ broken_rule('billing', 'gift_cards') }} is null
