-- A closed month accepts nothing: whatever is due lies after it.
select lines.journal_entry_id, lines.posted_on
from {{ ref('fct_journal_lines') }} as lines
inner join {{ ref('int_finance__closed_months') }} as closed
    on closed.month = cast(date_trunc('month', lines.posted_on) as date)
where {{ changed_days('fct_journal_lines', 'lines.occurred_on') }} and lines.batch_id is null
