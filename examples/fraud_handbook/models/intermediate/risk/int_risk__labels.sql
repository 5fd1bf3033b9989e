{{ config(day='known_on', reads={'stg_cards__transactions': var('label_delay_days') + 1}) }}
-- The handbook's delay: a fraud is known so many days after it, to the second.
with frauds as (

    select
        concat('transaction ', payment_id) as label_id,
        payment_id,
        true as is_fraud,
        paid_at + interval '{{ var("label_delay_days") }} days' as known_at
    from {{ ref('stg_cards__transactions') }}
    where {{ stale_days('paid_on', lookback=var('label_delay_days') + 1) }} and is_fraud = 1

)

select label_id, payment_id, is_fraud, known_at, cast(known_at as date) as known_on, known_at as knowable_at
from frauds
