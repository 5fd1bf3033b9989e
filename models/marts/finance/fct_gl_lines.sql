{{ config(materialized='whole') }}
-- What goes to the general ledger: an accountant cannot import a million lines. Each leads back to its entries by
-- gl_line_id.
select
    gl_line_id,
    batch_id,
    posted_on,
    account_code,
    currency,
    plan_code,
    cast(sum(debit_amount) as decimal(18, 2)) as debit_amount,
    cast(sum(credit_amount) as decimal(18, 2)) as credit_amount,
    reporting_currency,
    cast(sum(reporting_debit_amount) as decimal(18, 2)) as reporting_debit_amount,
    cast(sum(reporting_credit_amount) as decimal(18, 2)) as reporting_credit_amount,
    cast(sum(lines) as bigint) as journal_lines
from {{ ref('int_finance__gl_daily') }}
group by gl_line_id, batch_id, posted_on, account_code, currency, plan_code, reporting_currency
