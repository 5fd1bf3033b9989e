{{ config(day='issued_on', reads={'stg_billing__credit_notes': 'day', 'fct_invoice_lines': 400}) }}
-- A credit note names the line it takes back, which says whose revenue it was. The line is looked for in the 400 days
-- up to the credit note: a year's subscription refunded at its end is the longest there is.
with credit_notes as (

    {{ newest_copies(ref('stg_billing__credit_notes'), day='issued_on', key='credit_note_id') }}

),

invoice_lines as (

    select invoice_line_id, issued_on, account_id, subscription_id, country, plan_code
    from {{ ref('fct_invoice_lines') }}
    where {{ stale_days('issued_on', lookback=400) }}

)

select
    credit_notes.credit_note_id,
    credit_notes.invoice_id,
    credit_notes.invoice_line_id,
    credit_notes.refund_id,
    invoice_lines.account_id,
    invoice_lines.subscription_id,
    invoice_lines.country,
    invoice_lines.plan_code,
    credit_notes.kind,
    credit_notes.reason,
    credit_notes.currency,
    credit_notes.net_amount,
    credit_notes.tax_amount,
    credit_notes.issued_at,
    credit_notes.issued_on,
    invoice_lines.issued_on as invoiced_on,
    credit_notes._dump_id
from credit_notes
left join invoice_lines
    on invoice_lines.invoice_line_id = credit_notes.invoice_line_id
    and invoice_lines.issued_on <= credit_notes.issued_on
    and invoice_lines.issued_on > {{ add_periods('credit_notes.issued_on', -400, 'day') }}
