{{ config(materialized='view') }}
-- Money that moved: payments, refunds and chargebacks that went through. Refunds and chargebacks are negative.
select
    payment_id as movement_id,
    'payment' as movement,
    payment_id,
    invoice_id,
    gift_card_id,
    account_id,
    method,
    amount,
    currency,
    updated_at as moved_at,
    cast(updated_at as date) as moved_on,
    attempted_on as began_on
from {{ ref('fct_payments') }}
where result = 'succeeded'
union all
select
    refund_id as movement_id,
    'refund' as movement,
    payment_id,
    invoice_id,
    null as gift_card_id,
    account_id,
    null as method,
    -amount as amount,
    currency,
    updated_at as moved_at,
    cast(updated_at as date) as moved_on,
    requested_on as began_on
from {{ ref('fct_refunds') }}
where state = 'succeeded'
union all
select
    chargeback_id as movement_id,
    'chargeback' as movement,
    payment_id,
    null as invoice_id,
    null as gift_card_id,
    account_id,
    null as method,
    -amount as amount,
    currency,
    opened_at as moved_at,
    opened_on as moved_on,
    opened_on as began_on
from {{ ref('fct_chargebacks') }}
union all
select
    chargeback_id as movement_id,
    'chargeback_reversal' as movement,
    payment_id,
    null as invoice_id,
    null as gift_card_id,
    account_id,
    null as method,
    amount,
    currency,
    updated_at as moved_at,
    cast(updated_at as date) as moved_on,
    opened_on as began_on
from {{ ref('fct_chargebacks') }}
where state = 'won'
