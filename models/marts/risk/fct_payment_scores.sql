{{ config(materialized='whole') }}
-- What was decided stands as it was committed; payments of the last days that no decision covers yet are scored
-- tonight.
with committed as (

    select
        payment_id,
        model_version,
        account_id,
        score,
        band,
        reasons_json,
        features_json,
        decided_at,
        row_number()
            over (partition by payment_id order by decided_at, model_version, _dump_id, _source_line)
            as decision_number
    from {{ ref('stg_nightshift__decisions') }}
    where model = 'fraud'

)

select
    payment_id,
    model_version,
    account_id,
    score,
    band,
    reasons_json,
    features_json,
    decided_at,
    true as is_committed
from committed
where decision_number = 1
union all
select
    payment_id,
    model_version,
    account_id,
    score,
    band,
    reasons_json,
    features_json,
    decided_at,
    false as is_committed
from {{ ref('int_risk__new_scores') }}
