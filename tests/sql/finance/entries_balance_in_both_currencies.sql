-- Every journal entry: debits equal credits, in the currency of the transaction and in that of the books.
select journal_entry_id
from {{ ref('fct_journal_lines') }}
where {{ changed_days('fct_journal_lines', 'occurred_on') }}
group by journal_entry_id
having sum(debit_amount) <> sum(credit_amount) or sum(reporting_debit_amount) <> sum(reporting_credit_amount)
