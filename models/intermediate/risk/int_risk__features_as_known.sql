{{ config(day='known_on', reads={'int_risk__payments': 241, 'int_risk__labels': 91}) }}
-- The same features from what had arrived when the payment was made: the rows a model learns from, and is scored on.
-- By the day on which a payment was known here, so that all it can see lies before. What arrives more than late_days
-- late was never known in time: it looks that much farther back, to a payment reported and to what was usual then.
with payments as (

    select * from {{ ref('int_risk__payments') }}
    where
        {{ stale_days('paid_on', lookback=241) }}
        and cast(knowable_at as date) <= paid_on + {{ var('late_days') }}

),

labels as (

    select payment_id, knowable_at as known_since, is_fraud
    from {{ ref('int_risk__labels') }}
    where
        {{ stale_days('known_on', lookback=91) }}
        and cast(knowable_at as date) <= known_on + {{ var('late_days') }}

),

{{ payment_features('knowable_at') }}

select
    features.*,
    cast(payments.knowable_at as date) as known_on
from features
inner join payments on payments.payment_id = features.payment_id
