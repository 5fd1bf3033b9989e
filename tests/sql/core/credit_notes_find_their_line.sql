{{ config(severity='warn') }}
-- A credit note whose invoice line has not landed has no country and plan yet, and counts as ZZ and unknown until then.
select credit_note_id, invoice_line_id, issued_on, currency, net_amount
from {{ ref('fct_credit_notes') }}
where invoiced_on is null and {{ changed_days('fct_credit_notes', 'issued_on') }}
