{{ config(materialized='whole') }}
-- A payment counts once its label is settled: somebody said so, or nobody said anything for label_delay_days.
with labels as (

    select
        payment_id,
        is_fraud,
        row_number() over (partition by payment_id order by known_at desc, label_id desc) as newest_first
    from {{ ref('int_risk__labels') }}

),

last_day as (

    select max(paid_on) as last_paid_on from {{ ref('int_risk__payments') }}

),

scored as (

    select
        cast(date_trunc('month', payments.paid_on) as date) as month,
        scores.model_version,
        scores.score,
        scores.band,
        coalesce(labels.is_fraud, false) as is_fraud,
        labels.payment_id is not null or payments.paid_on <= last_day.last_paid_on - {{ var('label_delay_days') }} as is_settled
    from {{ ref('fct_payment_scores') }} as scores
    inner join {{ ref('int_risk__payments') }} as payments on payments.payment_id = scores.payment_id
    left join labels on labels.payment_id = scores.payment_id and labels.newest_first = 1
    cross join last_day

)

select
    month,
    model_version,
    count(*) as payments,
    count(case when band = 'accept' then 1 end) as accepted,
    count(case when band = 'review' then 1 end) as to_review,
    count(case when band = 'refuse' then 1 end) as refused,
    count(case when is_settled then 1 end) as settled,
    count(case when is_settled and is_fraud then 1 end) as frauds,
    count(case when is_settled and is_fraud and band <> 'accept' then 1 end) as frauds_caught,
    count(case when is_settled and band <> 'accept' then 1 end) as settled_suspected,
    cast(avg(case when is_settled then score end) as decimal(9, 6)) as mean_score
from scored
group by month, model_version
