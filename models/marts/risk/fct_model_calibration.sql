{{ config(materialized='whole') }}
-- Bands of chance that widen: most payments are hardly suspicious, and what matters happens above.
with banded as (

    select
        *,
        case
            when score < 0.001 then 0.0
            when score < 0.003 then 0.001
            when score < 0.01 then 0.003
            when score < 0.03 then 0.01
            when score < 0.1 then 0.03
            when score < 0.3 then 0.1
            when score < 0.5 then 0.3
            when score < 0.8 then 0.5
            else 0.8
        end as score_from
    from {{ ref('int_risk__settled_scores') }}
    where is_settled

)

select
    model_version,
    cast(score_from as decimal(9, 6)) as score_from,
    count(*) as payments,
    count(case when is_fraud then 1 end) as frauds,
    cast(avg(score) as decimal(9, 6)) as mean_score,
    cast(cast(count(case when is_fraud then 1 end) as double) / count(*) as decimal(9, 6)) as fraud_rate
from banded
group by model_version, score_from
