{{ config(materialized='whole') }}
-- Population stability index by feature and of the score: shares of payments between the tenths that each had when the
-- model was made. What a decision was computed from is kept with it, so this is what the model really saw.
with bins as (

    select * from {{ ref('int_risk__feature_bins') }}

),

seen as (

    select
        cast(date_trunc('month', scores.decided_at) as date) as month,
        scores.model_version,
        feature.key as feature,
        try_cast(cast(feature.value as varchar) as double) as value
    from {{ ref('fct_payment_scores') }} as scores
    cross join lateral json_each(scores.features_json) as feature
    union all
    select
        cast(date_trunc('month', decided_at) as date) as month,
        model_version,
        'score' as feature,
        cast(score as double) as value
    from {{ ref('fct_payment_scores') }}

),

counted as (

    select
        seen.month,
        bins.model_version,
        bins.feature,
        bins.bin,
        count(*) as payments
    from seen
    inner join bins
        on bins.model_version = seen.model_version
        and bins.feature = seen.feature
        and (
            (bins.bin < 0 and seen.value is null)
            or (
                bins.bin >= 0
                and (bins.above is null or seen.value > bins.above)
                and (bins.up_to is null or seen.value <= bins.up_to)
                and seen.value is not null
            )
        )
    group by seen.month, bins.model_version, bins.feature, bins.bin

),

totals as (

    select
        month,
        model_version,
        feature,
        sum(payments) as payments,
        sum(case when bin < 0 then payments else 0 end) as missing
    from counted
    group by month, model_version, feature

),

compared as (

    select
        totals.month,
        totals.model_version,
        totals.feature,
        totals.payments,
        totals.missing,
        greatest(cast(bins.share as double), 0.0001) as was,
        greatest(coalesce(cast(counted.payments as double), 0) / totals.payments, 0.0001) as is_now
    from totals
    inner join bins on bins.model_version = totals.model_version and bins.feature = totals.feature
    left join counted
        on counted.month = totals.month
        and counted.model_version = totals.model_version
        and counted.feature = totals.feature
        and counted.bin = bins.bin

)

select
    month,
    model_version,
    feature,
    cast(payments as bigint) as payments,
    cast(cast(missing as double) / payments as decimal(9, 6)) as missing_share,
    -- each term is rounded before they are added, so that the sum does not depend on their order
    cast(sum(cast((is_now - was) * ln(is_now / was) as decimal(18, 9))) as decimal(9, 4)) as stability_index
from compared
group by month, model_version, feature, payments, missing
