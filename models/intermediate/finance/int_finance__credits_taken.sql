{{ config(day='credited_on', reads={'fct_credit_notes': 'day', 'int_finance__write_offs': 'day'}) }}
select
    credit_note_id as credit_id,
    'credit_note' as taken_by,
    reason,
    invoice_line_id,
    net_amount,
    tax_amount,
    issued_at as credited_at,
    issued_on as credited_on
from {{ ref('fct_credit_notes') }}
where {{ stale_days('issued_on') }}
union all
select
    invoice_line_id as credit_id,
    'write_off' as taken_by,
    'nobody pays' as reason,
    invoice_line_id,
    net_amount,
    tax_amount,
    written_off_at as credited_at,
    written_off_on as credited_on
from {{ ref('int_finance__write_offs') }}
where {{ stale_days('written_off_on') }}
