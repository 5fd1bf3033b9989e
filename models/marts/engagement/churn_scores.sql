{{ config(materialized='whole') }}
-- A member's score is what became of those who gave the same sign four weeks ago.
select
    signs.account_id,
    signs.seen_on as as_of_on,
    signs.plan_code,
    signs.sign,
    signs.active_days_28,
    rates.leaving_share as churn_score,
    rates.members as members_compared,
    rates.members_left as members_compared_left
from {{ ref('int_churn_signs') }} as signs
inner join {{ ref('int_churn_rates') }} as rates on rates.days_before = 28 and rates.sign = signs.sign
where signs.days_before = 0
