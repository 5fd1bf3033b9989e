{{ config(materialized='whole') }}
-- The tenths that a feature had in the training of a version, with the share of training that fell into each; bin 0 is
-- the lowest. What was missing has bin -1. A feature that had one value has one bin.
with edges as (

    select distinct
        model_version,
        feature,
        value as edge
    from {{ ref('int_risk__training_features') }}
    where value is not null and position > 0 and position < 200 and position % 20 = 0

),

bounds as (

    select
        model_version,
        feature,
        lag(edge) over (partition by model_version, feature order by edge) as above,
        edge as up_to
    from edges
    union all
    select
        model_version,
        feature,
        max(edge) as above,
        null as up_to
    from edges
    group by model_version, feature

),

bins as (

    select
        *,
        row_number() over (partition by model_version, feature order by coalesce(above, -1e300)) - 1 as bin
    from bounds

),

shares as (

    select
        bins.model_version,
        bins.feature,
        bins.bin,
        count(*) / 201.0 as share_of_known
    from bins
    inner join {{ ref('int_risk__training_features') }} as kept
        on kept.model_version = bins.model_version
        and kept.feature = bins.feature
        and (bins.above is null or kept.value > bins.above)
        and (bins.up_to is null or kept.value <= bins.up_to)
    group by bins.model_version, bins.feature, bins.bin

),

missing as (

    select
        model_version,
        feature,
        max(missing_share) as missing_share
    from {{ ref('int_risk__training_features') }}
    group by model_version, feature

)

select
    bins.model_version,
    bins.feature,
    cast(bins.bin as integer) as bin,
    bins.above,
    bins.up_to,
    cast(coalesce(shares.share_of_known, 0) * (1 - missing.missing_share) as decimal(12, 9)) as share
from bins
inner join missing on missing.model_version = bins.model_version and missing.feature = bins.feature
left join shares
    on shares.model_version = bins.model_version and shares.feature = bins.feature and shares.bin = bins.bin
union all
select
    model_version,
    feature,
    -1 as bin,
    null as above,
    null as up_to,
    cast(missing_share as decimal(12, 9)) as share
from missing
