{{ config(day='issued_on', reads={'stg_billing__invoices': 'day'}) }}
with invoices as (

    {{ newest_copies(ref('stg_billing__invoices'), day='issued_on', key='invoice_id', version='updated_at') }}

)

select
    invoice_id,
    account_id,
    subscription_id,
    country,
    currency,
    state,
    net_amount,
    tax_amount,
    total_amount,
    issued_at,
    issued_on,
    due_on,
    updated_at,
    _dump_id
from invoices
