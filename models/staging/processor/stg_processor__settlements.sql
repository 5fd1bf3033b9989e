select
    settlement_id,
    payout_id,
    kind,
    payment_id,
    reference_id,
    currency,
    gross_amount,
    fee_amount,
    settlement_currency,
    exchange_rate,
    settled_gross_amount,
    settled_fee_amount,
    settled_net_amount,
    settled_at,
    paid_out_on,
    _event_on as settled_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('processor', 'settlements') }}
where {{ broken_rule('processor', 'settlements') }} is null
