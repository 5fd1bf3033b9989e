{{ config(materialized='whole') }}
-- A payment is settled when label_delay_days have passed, whatever was said of it: who counts earlier what was reported
-- already counts frauds alone. The latest word counts; one from before the payment is a mistake.
with labels as (

    select
        labels.payment_id,
        labels.is_fraud,
        row_number() over (
            partition by labels.payment_id order by labels.known_at desc, labels.label_id desc
        ) as newest_first
    from {{ ref('int_risk__labels') }} as labels
    inner join {{ ref('int_risk__payments') }} as payments on payments.payment_id = labels.payment_id
    where labels.known_at >= payments.paid_at

),

last_day as (

    select max(paid_on) as last_paid_on from {{ ref('int_risk__payments') }}

)

select
    scores.payment_id,
    payments.paid_on,
    cast(date_trunc('month', payments.paid_on) as date) as month,
    scores.model_version,
    scores.score,
    scores.band,
    coalesce(labels.is_fraud, false) as is_fraud,
    payments.paid_on <= last_day.last_paid_on - {{ var('label_delay_days') }} as is_settled
from {{ ref('fct_payment_scores') }} as scores
inner join {{ ref('int_risk__payments') }} as payments on payments.payment_id = scores.payment_id
left join labels on labels.payment_id = scores.payment_id and labels.newest_first = 1
cross join last_day
