{{ config(materialized='whole') }}
-- An account once, with its most suspicious payment of the day; who was reviewed already is not asked again.
with suspicious as (

    select
        scores.payment_id,
        scores.account_id,
        scores.score,
        scores.band,
        scores.reasons_json,
        cast(scores.decided_at as date) as queued_on,
        row_number() over (
            partition by cast(scores.decided_at as date), scores.account_id
            order by scores.score desc, scores.payment_id
        ) as of_account
    from {{ ref('fct_payment_scores') }} as scores
    left join {{ ref('stg_support__payment_reviews') }} as reviews on reviews.payment_id = scores.payment_id
    where scores.band <> 'accept' and reviews.payment_id is null

),

ranked as (

    select
        *,
        row_number() over (partition by queued_on order by score desc, payment_id) as place
    from suspicious
    where of_account = 1

)

select queued_on, cast(place as integer) as place, payment_id, account_id, score, band, reasons_json
from ranked
where place <= {{ var('review_places') }}
