{{ config(day='royalty_month', unit='month',
    reads={
        'int_royalties__pools': 'day', 'int_royalties__recording_values': 'day',
        'int_royalties__split_spans': 'sliced'
    }) }}
-- What each recording earned its payees under both methods, carried to a billionth of a cent. Where nobody can be paid
-- there is no payee and a problem. A pool goes by its number: there is a row for every few plays.
with pools as (

    select *
    from {{ ref('int_royalties__pools') }}
    where {{ stale_days('royalty_month') }}

),

recordings as (

    select
        pools.royalty_month,
        pools.pool_number,
        heard.recording_id,
        heard.as_of_on,
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
    inner join pools
        on pools.royalty_month = heard.royalty_month
        and pools.territory = heard.territory
        and pools.plan_code = heard.plan_code
        and pools.licensor_id = heard.licensor_id
    where {{ stale_days('heard.royalty_month') }}
    group by pools.royalty_month, pools.pool_number, heard.recording_id, heard.as_of_on

),

earned as (

    select
        recordings.royalty_month,
        recordings.pool_number,
        recordings.recording_id,
        recordings.as_of_on,
        recordings.streams,
        {{ precomputed_part('recordings.streams', 'pools.base_per_stream', 'pools.base_rest', 'pools.all_streams') }}
            as pro_rata_earned,
        {{ part_by_digits('recordings.value', 'pools.own_per_value', 'pools.own_digits', 'pools.own_more_digits') }}
        + {{ precomputed_part('recordings.streams', 'pools.shared_per_stream', 'pools.shared_rest',
            'pools.all_streams') }} as user_centric_earned
    from recordings
    inner join pools
        on pools.royalty_month = recordings.royalty_month
        and pools.pool_number = recordings.pool_number
    where recordings.streams > 0

)

select
    earned.royalty_month,
    earned.pool_number,
    earned.recording_id,
    case when splits.problem is null then splits.rights_holder_id end as rights_holder_id,
    case when splits.recording_id is null then 'no split' else splits.problem end as problem,
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
    earned.royalty_month, earned.pool_number, earned.recording_id,
    case when splits.problem is null then splits.rights_holder_id end,
    case when splits.recording_id is null then 'no split' else splits.problem end
