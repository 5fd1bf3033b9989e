{{ config(day='paid_on', reads={'int_risk__payments': 181, 'int_risk__labels': 91}) }}
-- From all that is known today, whenever it arrived. What a model learns from is int_risk__features_as_known.
-- It looks back 30 days to the report of a fraud, 60 (label_reach_days) to that payment, 90 to what was usual then.
-- Whoever changes a window sees in tests/python/test_risk_features.py whether that is still far enough.
with payments as (

    select * from {{ ref('int_risk__payments') }}
    where {{ stale_days('paid_on', lookback=181) }}

),

labels as (

    select payment_id, known_at as known_since, is_fraud
    from {{ ref('int_risk__labels') }}
    where {{ stale_days('known_on', lookback=91) }}

),

{{ payment_features('paid_at') }}

select * from features
