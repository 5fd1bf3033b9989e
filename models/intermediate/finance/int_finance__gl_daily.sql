{{ config(day='occurred_on', reads={'fct_journal_lines': 'day'}) }}
select
    occurred_on,
    posted_on,
    batch_id,
    gl_line_id,
    event,
    account_code,
    currency,
    plan_code,
    reporting_currency,
    cast(count(*) as bigint) as lines,
    cast(count(distinct journal_entry_id) as bigint) as entries,
    cast(sum(debit_amount) as decimal(18, 2)) as debit_amount,
    cast(sum(credit_amount) as decimal(18, 2)) as credit_amount,
    cast(sum(reporting_debit_amount) as decimal(18, 2)) as reporting_debit_amount,
    cast(sum(reporting_credit_amount) as decimal(18, 2)) as reporting_credit_amount
from {{ ref('fct_journal_lines') }}
where {{ stale_days('occurred_on') }}
group by occurred_on, posted_on, batch_id, gl_line_id, event, account_code, currency, plan_code, reporting_currency
