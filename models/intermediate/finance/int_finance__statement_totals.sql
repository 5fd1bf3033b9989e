{{ config(day='issued_on', reads={'stg_nightshift__statements': 'day'}) }}
-- A royalty statement in the books: one amount a kind of line. Deductions are negative lines of the statement.
select
    issued_on,
    statement_id,
    line_kind,
    statement_currency,
    cast(sum(statement_amount) as decimal(18, 2)) as statement_amount
from {{ ref('stg_nightshift__statements') }}
where {{ stale_days('issued_on') }} and line_kind <> 'carried_over'
group by issued_on, statement_id, line_kind, statement_currency
