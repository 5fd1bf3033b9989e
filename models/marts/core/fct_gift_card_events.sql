{{ config(day='occurred_on', reads={'stg_billing__gift_cards': 'day'}) }}
with gift_cards as (

    {{ newest_copies(ref('stg_billing__gift_cards'), day='occurred_on', key='event_id') }}

)

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
    occurred_on,
    _dump_id
from gift_cards
