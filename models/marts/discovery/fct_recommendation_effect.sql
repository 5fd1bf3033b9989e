{{ config(materialized='whole') }}
-- What recommending does: listeners with a list of their own against those held out, who get what is popular.
with first_lists as (

    select account_id, bool_or(is_holdout) as is_holdout, min(served_on) as first_served_on
    from {{ ref('stg_nightshift__recommendations_served') }}
    group by account_id

),

months as (

    select
        cast(date_trunc('month', listening.played_on) as date) as month,
        lists.account_id,
        lists.is_holdout,
        cast(sum(listening.streams) as bigint) as streams,
        cast(sum(listening.recommended_streams) as bigint) as recommended_streams
    from first_lists as lists
    inner join {{ ref('int_discovery__listening') }} as listening
        on listening.account_id = lists.account_id
        and listening.played_on >= lists.first_served_on
    group by cast(date_trunc('month', listening.played_on) as date), lists.account_id, lists.is_holdout

),

groups as (

    select
        month,
        count(case when not is_holdout then 1 end) as listeners,
        count(case when is_holdout then 1 end) as held_out,
        avg(case when not is_holdout then recommended_streams end) as mean_listeners,
        avg(case when is_holdout then recommended_streams end) as mean_held_out,
        var_samp(case when not is_holdout then recommended_streams end) as variance_listeners,
        var_samp(case when is_holdout then recommended_streams end) as variance_held_out,
        avg(case when not is_holdout then streams end) as mean_streams,
        avg(case when is_holdout then streams end) as mean_streams_held_out
    from months
    group by month

),

compared as (

    select
        *,
        mean_listeners - mean_held_out as effect,
        1.96 * sqrt(variance_listeners / listeners + variance_held_out / held_out) as noise
    from groups
    where held_out > 1 and listeners > 1

)

select
    month,
    listeners,
    held_out,
    cast(mean_listeners as decimal(18, 4)) as recommended_streams,
    cast(mean_held_out as decimal(18, 4)) as recommended_streams_held_out,
    cast(effect as decimal(18, 4)) as effect,
    cast(effect - noise as decimal(18, 4)) as effect_low,
    cast(effect + noise as decimal(18, 4)) as effect_high,
    cast(mean_streams - mean_streams_held_out as decimal(18, 4)) as streams_effect
from compared
