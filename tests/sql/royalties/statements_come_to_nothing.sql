-- The lines of an issued statement, from the balance brought forward to the balance carried forward, add up to zero.
select statement_id
from {{ ref('fct_statement_lines') }}
where
    issued_on is not null
    and statement_month in (
        select changed.play_month
        from {{ ref('fct_statement_lines') }} as changed
        where {{ changed_days('fct_statement_lines', 'changed.play_month') }}
    )
group by statement_id
having sum(statement_amount) <> 0
