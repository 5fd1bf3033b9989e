-- A decision is of the night its payment arrived, or later, and a payment has one.
select scores.payment_id
from {{ ref('fct_payment_scores') }} as scores
left join {{ ref('int_risk__payments') }} as payments on payments.payment_id = scores.payment_id
group by scores.payment_id
having count(*) > 1 or min(cast(scores.decided_at as date)) < min(payments.arrived_on)
