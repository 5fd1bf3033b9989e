{{ config(day='opened_on', reads={'stg_billing__chargebacks': 'day'}) }}
with chargebacks as (

    {{ newest_copies(ref('stg_billing__chargebacks'), day='opened_on', key='chargeback_id', version='updated_at') }}

)

select
    chargeback_id,
    payment_id,
    account_id,
    reason,
    amount,
    currency,
    state,
    opened_at,
    opened_on,
    updated_at,
    _dump_id
from chargebacks
