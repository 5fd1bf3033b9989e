{{ config(day='requested_on', reads={'stg_billing__refunds': 'day'}) }}
with refunds as (

    {{ newest_copies(ref('stg_billing__refunds'), day='requested_on', key='refund_id', version='updated_at') }}

)

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
    requested_on,
    updated_at,
    _dump_id
from refunds
