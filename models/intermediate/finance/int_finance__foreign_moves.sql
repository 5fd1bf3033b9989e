{{ config(day='occurred_on', reads={'int_finance__event_entries': 'day', 'accounts': 'whole'}) }}
select
    entries.occurred_on,
    entries.account_code,
    entries.currency,
    cast(sum(entries.amount) as decimal(18, 2)) as amount,
    cast(sum(entries.reporting_amount) as decimal(18, 2)) as reporting_amount
from {{ ref('int_finance__event_entries') }} as entries
inner join {{ ref('accounts') }} as accounts
    on accounts.account_code = entries.account_code
    and accounts.revalued
    and entries.occurred_on >= accounts.valid_from
    and (entries.occurred_on < accounts.valid_to or accounts.valid_to is null)
where {{ stale_days('entries.occurred_on') }} and entries.currency <> {{ reporting_currency() }}
group by entries.occurred_on, entries.account_code, entries.currency
