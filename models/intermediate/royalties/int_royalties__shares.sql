{{ config(day='royalty_month', unit='month',
    reads={
        'int_royalties__pools': 'day', 'int_royalties__recording_values': 'day',
        'int_royalties__split_spans': 'sliced'
    }) }}
-- What each recording earned its payees under both methods, carried to a billionth of a cent. Where nobody can be paid
-- there is no payee and a problem.
with recordings as (

    select
        pools.royalty_month,
        pools.territory,
        pools.plan_code,
        pools.currency,
        pools.licensor_id,
        heard.recording_id,
        heard.as_of_on,
        max(pools.allocation_method) as allocation_method,
        max(pools.all_streams) as all_streams,
        max(pools.base_per_stream) as base_per_stream,
        max(pools.base_rest) as base_rest,
        max(pools.shared_per_stream) as shared_per_stream,
        max(pools.shared_rest) as shared_rest,
        max(pools.own_per_value) as own_per_value,
        max(pools.own_digits) as own_digits,
        max(pools.own_more_digits) as own_more_digits,
        cast(sum(
            case
                when pools.trial_streams_count then heard.streams
                else heard.paid_streams
            end
        ) as bigint) as streams,
        cast(sum(
            case
                when heard.currency <> pools.currency or heard.currency is null then 0
                when pools.trial_streams_count then heard.stream_value
                else heard.paid_stream_value
            end
        ) as bigint) as value
    from {{ ref('int_royalties__recording_values') }} as heard
    inner join {{ ref('int_royalties__pools') }} as pools
        on pools.royalty_month = heard.royalty_month
        and pools.territory = heard.territory
        and pools.plan_code = heard.plan_code
        and pools.licensor_id = heard.licensor_id
    where {{ stale_days('heard.royalty_month') }} and {{ stale_days('pools.royalty_month') }}
    group by
        pools.royalty_month,
        pools.territory,
        pools.plan_code,
        pools.currency,
        pools.licensor_id,
        heard.recording_id,
        heard.as_of_on

),

earned as (

    select
        *,
        {{ precomputed_part('streams', 'base_per_stream', 'base_rest', 'all_streams') }} as pro_rata_earned,
        {{ part_by_digits('value', 'own_per_value', 'own_digits', 'own_more_digits') }}
        + {{ precomputed_part('streams', 'shared_per_stream', 'shared_rest', 'all_streams') }} as user_centric_earned
    from recordings
    where streams > 0

)

select
    earned.royalty_month,
    earned.territory,
    earned.plan_code,
    earned.currency,
    earned.licensor_id,
    earned.recording_id,
    case when splits.problem is null then splits.rights_holder_id end as rights_holder_id,
    case when splits.recording_id is null then 'no split' else splits.problem end as problem,
    max(earned.allocation_method) as allocation_method,
    cast(sum(earned.streams) as bigint) as streams,
    cast(sum(
        {{ millionths_of('earned.pro_rata_earned', 'coalesce(splits.share_millionths, 1000000)') }}
    ) as bigint) as pro_rata_nanos,
    cast(sum(
        {{ millionths_of('earned.user_centric_earned', 'coalesce(splits.share_millionths, 1000000)') }}
    ) as bigint) as user_centric_nanos
from earned
left join {{ ref('int_royalties__split_spans') }} as splits
    on splits.recording_id = earned.recording_id and {{ valid_on('splits', 'earned.as_of_on') }}
group by
    earned.royalty_month, earned.territory, earned.plan_code, earned.currency, earned.licensor_id, earned.recording_id,
    case when splits.problem is null then splits.rights_holder_id end,
    case when splits.recording_id is null then 'no split' else splits.problem end
