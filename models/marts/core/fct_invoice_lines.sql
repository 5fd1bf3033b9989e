{{ config(day='issued_on', reads={'stg_billing__invoice_lines': 'day', 'fct_invoices': 'day'}) }}
-- The invoice says who is to pay and where; a line whose invoice has not landed yet waits with nulls there.
with invoice_lines as (

    {{ newest_copies(ref('stg_billing__invoice_lines'), day='issued_on', key='invoice_line_id', version='updated_at') }}

),

invoices as (

    select invoice_id, issued_on, account_id, subscription_id, country
    from {{ ref('fct_invoices') }}
    where {{ stale_days('issued_on') }}

)

select
    invoice_lines.invoice_line_id,
    invoice_lines.invoice_id,
    invoice_lines.line_number,
    invoices.account_id,
    invoices.subscription_id,
    invoices.country,
    invoice_lines.kind,
    invoice_lines.plan_code,
    invoice_lines.service_from,
    invoice_lines.service_to,
    invoice_lines.currency,
    invoice_lines.gross_amount,
    invoice_lines.discount_amount,
    invoice_lines.net_amount,
    invoice_lines.tax_rate,
    invoice_lines.tax_amount,
    invoice_lines.issued_at,
    invoice_lines.issued_on,
    invoice_lines.updated_at,
    invoice_lines._dump_id
from invoice_lines
left join invoices
    on invoices.issued_on = invoice_lines.issued_on
    and invoices.invoice_id = invoice_lines.invoice_id
