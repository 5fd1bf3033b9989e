{{ config(materialized='whole') }}
-- Whoever decided, tonight's champion is asked the same: what would it have done with the payments of four weeks?
with compared as (

    select
        decided.paid_on,
        decided.model_version as decided_by,
        champion.model_version as champion,
        decided.band,
        champion.band as champion_band,
        decided.is_fraud
    from {{ ref('int_risk__settled_scores') }} as decided
    inner join {{ ref('int_risk__champion_scores') }} as champion on champion.payment_id = decided.payment_id

)

select
    paid_on,
    decided_by,
    champion,
    count(*) as payments,
    count(case when band = champion_band then 1 end) as alike,
    count(case when band <> 'accept' then 1 end) as stopped,
    count(case when champion_band <> 'accept' then 1 end) as champion_would_stop,
    count(case when band = 'accept' and champion_band <> 'accept' then 1 end) as stopped_by_champion_alone,
    count(case when band <> 'accept' and champion_band = 'accept' then 1 end) as accepted_by_champion_alone,
    count(case when is_fraud then 1 end) as frauds,
    count(case when is_fraud and band <> 'accept' then 1 end) as frauds_caught,
    count(case when is_fraud and champion_band <> 'accept' then 1 end) as champion_would_catch
from compared
group by paid_on, decided_by, champion
