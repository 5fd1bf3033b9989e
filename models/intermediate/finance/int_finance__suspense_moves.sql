{{ config(day='occurred_on', reads={'fct_journal_lines': 'day', 'accounts': 'whole'}) }}
-- What went into suspense and out of it again, event by event.
select
    lines.occurred_on,
    lines.source_table,
    lines.source_key,
    lines.account_code,
    lines.currency,
    min(lines.posted_on) as posted_from,
    min(case when lines.reverses_entry_id is null then lines.description end) as description,
    cast(sum(lines.debit_amount - lines.credit_amount) as decimal(18, 2)) as amount,
    cast(sum(lines.reporting_debit_amount - lines.reporting_credit_amount) as decimal(18, 2)) as reporting_amount
from {{ ref('fct_journal_lines') }} as lines
inner join {{ ref('accounts') }} as accounts
    on accounts.account_code = lines.account_code
    and accounts.role = 'suspense'
    and lines.posted_on >= accounts.valid_from
    and (lines.posted_on < accounts.valid_to or accounts.valid_to is null)
where {{ stale_days('lines.occurred_on') }} and lines.event <> 'revaluation'
group by lines.occurred_on, lines.source_table, lines.source_key, lines.account_code, lines.currency
