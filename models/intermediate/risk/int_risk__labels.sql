{{ config(day='known_on', reads={'stg_billing__chargebacks': 'day', 'stg_support__payment_reviews': 'day'}) }}
-- Who says what of a payment, and since when. A chargeback says fraud when its reason does; how the bank decides about
-- the money later does not change that. Contradicting labels are all here: whoever asks takes the latest known to him.
with chargebacks as (

    select
        chargeback_id,
        payment_id,
        opened_at,
        opened_on,
        _arrived_on,
        row_number() over (
            partition by opened_on, chargeback_id
            order by updated_at, _arrived_on, _dump_id, _source_line
        ) as version_number
    from {{ ref('stg_billing__chargebacks') }}
    where {{ stale_days('opened_on') }} and reason = 'fraudulent'

),

reviews as (

    select
        review_id,
        payment_id,
        verdict,
        reviewed_at,
        reviewed_on,
        _arrived_on,
        row_number() over (
            partition by reviewed_on, review_id
            order by _arrived_on, _dump_id, _source_line
        ) as copy_number
    from {{ ref('stg_support__payment_reviews') }}
    where {{ stale_days('reviewed_on') }}

)

select
    concat('chargeback ', chargeback_id) as label_id,
    payment_id,
    true as is_fraud,
    opened_at as known_at,
    opened_on as known_on,
    greatest(opened_at, cast(_arrived_on as timestamp)) as knowable_at
from chargebacks
where version_number = 1
union all
select
    concat('review ', review_id) as label_id,
    payment_id,
    verdict = 'fraud' as is_fraud,
    reviewed_at as known_at,
    reviewed_on as known_on,
    greatest(reviewed_at, cast(_arrived_on as timestamp)) as knowable_at
from reviews
where copy_number = 1
