{{ config(day='paid_on', reads={'int_risk__payments': 91, 'int_risk__labels': 91}) }}
-- The same features from what had arrived when the payment was made: the rows a model learns from, and is scored on.
with payments as (

    select * from {{ ref('int_risk__payments') }}
    where {{ stale_days('paid_on', lookback=91) }}

),

labels as (

    select payment_id, knowable_at as known_since, is_fraud
    from {{ ref('int_risk__labels') }}
    where {{ stale_days('known_on', lookback=91) }}

),

{{ payment_features('knowable_at') }}

select * from features
