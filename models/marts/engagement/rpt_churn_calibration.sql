{{ config(materialized='whole') }}
-- The scores as they would have been four weeks ago, from the four weeks before that, beside who has left since.
select
    signs.sign,
    min(signs.seen_on) as as_of_on,
    count(*) as members,
    cast(sum(rates.leaving_share) as decimal(18, 4)) as members_expected_to_leave,
    count(case when signs.has_left then 1 end) as members_left
from {{ ref('int_churn_signs') }} as signs
inner join {{ ref('int_churn_rates') }} as rates on rates.days_before = 56 and rates.sign = signs.sign
where signs.days_before = 28
group by signs.sign
