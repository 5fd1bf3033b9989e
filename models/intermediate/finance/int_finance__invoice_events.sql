{{ config(materialized='view') }}
-- Invoiced, taken off, earned: all at the rate of the invoice's day, because what is owed here is service, not money.
select
    {{ finance_event("'invoice_issued'", 'billing.invoice_lines', key='invoice_line_id', day='issued_on',
        document='invoice_id', kind='kind', account_id='account_id', plan_code='plan_code', country='country',
        exchange_rate='exchange_rate', total_amount='total_amount', net_amount='net_amount', tax_amount='tax_amount') }}
from {{ ref('int_finance__invoiced_lines') }}
union all
select
    {{ finance_event("'credit_note'", 'billing.credit_notes', key='credit_id', day='credited_on',
        document='invoice_id', kind='reason', account_id='account_id', plan_code='plan_code', country='country',
        exchange_rate='exchange_rate', total_amount='total_amount', net_amount='net_amount', tax_amount='tax_amount',
        deferred_amount='deferred_amount', earned_amount='net_amount - deferred_amount') }}
from {{ ref('int_finance__credits') }}
where taken_by = 'credit_note'
union all
select
    {{ finance_event("'invoice_written_off'", 'billing.invoice_lines', key='credit_id', day='credited_on',
        document='invoice_id', account_id='account_id', plan_code='plan_code', country='country',
        exchange_rate='exchange_rate', total_amount='total_amount', net_amount='net_amount', tax_amount='tax_amount',
        deferred_amount='deferred_amount', earned_amount='net_amount - deferred_amount') }}
from {{ ref('int_finance__credits') }}
where taken_by = 'write_off'
union all
select
    {{ finance_event("'revenue_recognised'", 'billing.invoice_lines', key='invoice_line_id', day='recognised_on',
        document='invoice_id', account_id='account_id', plan_code='plan_code', country='country',
        exchange_rate='exchange_rate', earned_amount='earned_amount') }}
from {{ ref('int_finance__revenue_recognised') }}
where earned_amount <> 0
