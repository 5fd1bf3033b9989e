{{ config(materialized='whole') }}
{{ stop_on_problems(ref('int_finance__rule_problems')) -}}
-- "plan_code = annual" taken apart; a rule whose condition is empty holds for every event of its name.
select
    event,
    split_part(condition_text, ' ', 1) as condition_column,
    split_part(condition_text, ' ', 2) = '!=' as is_negated,
    trim(substr(
        condition_text, length(split_part(condition_text, ' ', 1)) + length(split_part(condition_text, ' ', 2)) + 3
    )) as condition_value,
    debit_account,
    credit_account,
    amount_column,
    description,
    valid_from,
    valid_to
from (select *, coalesce(condition, '') as condition_text from {{ ref('posting_rules') }}) as rules
