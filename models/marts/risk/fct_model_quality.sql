{{ config(materialized='whole') }}
with counted as (

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
        avg(case when is_settled then score end) as mean_score
    from {{ ref('int_risk__settled_scores') }}
    group by month, model_version

)

select
    month,
    model_version,
    payments,
    accepted,
    to_review,
    refused,
    cast(cast(accepted as double) / payments as decimal(9, 6)) as approval_rate,
    settled,
    frauds,
    frauds_caught,
    settled_suspected,
    cast(cast(frauds_caught as double) / nullif(settled_suspected, 0) as decimal(9, 6)) as precision_so_far,
    cast(cast(frauds_caught as double) / nullif(frauds, 0) as decimal(9, 6)) as recall_so_far,
    cast(mean_score as decimal(9, 6)) as mean_score,
    cast(cast(frauds as double) / nullif(settled, 0) as decimal(9, 6)) as fraud_rate
from counted
