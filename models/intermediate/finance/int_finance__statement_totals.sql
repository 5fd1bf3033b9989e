{{ config(day='issued_on', reads={'stg_nightshift__statements': 'day', 'int_royalties__closed_months': 'whole'}) }}
-- A royalty statement in the books: one amount a kind of line. Deductions are negative lines of the statement. What a
-- closing that was broken off has written is no statement until its month is closed.
select
    statements.issued_on,
    statements.statement_id,
    statements.line_kind,
    statements.statement_currency,
    cast(sum(statements.statement_amount) as decimal(18, 2)) as statement_amount
from {{ ref('stg_nightshift__statements') }} as statements
inner join {{ ref('int_royalties__closed_months') }} as issued on issued.royalty_month = statements.statement_month
where {{ stale_days('statements.issued_on') }} and statements.line_kind <> 'carried_over'
group by statements.issued_on, statements.statement_id, statements.line_kind, statements.statement_currency
