{{ config(day='occurred_on', reads={'fct_journal_lines': 'day'}) }}
select
    journal_entry_id,
    posted_on,
    occurred_on,
    event,
    source_table,
    source_key,
    plan_code,
    country,
    currency,
    cast(sum(debit_amount) as decimal(18, 2)) as amount,
    exchange_rate,
    reporting_currency,
    cast(sum(reporting_debit_amount) as decimal(18, 2)) as reporting_amount,
    cast(count(*) as integer) as line_count,
    reverses_entry_id,
    cause,
    description,
    batch_id
from {{ ref('fct_journal_lines') }}
where {{ stale_days('occurred_on') }}
group by
    journal_entry_id, posted_on, occurred_on, event, source_table, source_key, plan_code, country, currency,
    exchange_rate, reporting_currency, reverses_entry_id, cause, description, batch_id
