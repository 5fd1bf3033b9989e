{{ config(day='settled_on', reads={'stg_processor__settlements': 'day'}) }}
with settlements as (

    {{ newest_copies(ref('stg_processor__settlements'), day='settled_on', key='settlement_id') }}

)

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
    settled_on,
    paid_out_on,
    _dump_id
from settlements
