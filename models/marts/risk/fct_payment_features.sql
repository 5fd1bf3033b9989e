{{ config(day='paid_on', reads={'int_risk__payments': 91, 'int_risk__labels': 91}) }}
-- From all that is known today, whenever it arrived. What a model learns from is int_risk__features_as_known.
with payments as (

    select * from {{ ref('int_risk__payments') }}
    where {{ stale_days('paid_on', lookback=91) }}

),

labels as (

    select payment_id, known_at as known_since, is_fraud
    from {{ ref('int_risk__labels') }}
    where {{ stale_days('known_on', lookback=91) }}

),

{{ payment_features('paid_at') }}

select * from features
