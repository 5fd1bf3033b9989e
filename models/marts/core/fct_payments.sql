{{ config(day='attempted_on', reads={'stg_billing__payments': 'day'}) }}
with payments as (

    {{ newest_copies(ref('stg_billing__payments'), day='attempted_on', key='payment_id', version='updated_at') }}

)

select
    payment_id,
    invoice_id,
    gift_card_id,
    account_id,
    attempt,
    method,
    card_id,
    card_country,
    device_id,
    network_prefix,
    network_country,
    terminal_id,
    amount,
    currency,
    result,
    decline_reason,
    attempted_at,
    attempted_on,
    updated_at,
    _dump_id
from payments
