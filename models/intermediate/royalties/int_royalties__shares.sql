{{ config(day='royalty_month', unit='month',
    reads={
        'int_royalties__pools': 'day', 'int_royalties__audiences': 'day', 'int_royalties__recording_values': 'day',
        'int_royalties__catalogue': 'day', 'int_royalties__splits': 'day'
    }) }}
-- What each recording earned its payees under both methods, carried to a billionth of a cent. Where nobody can be paid
-- there is no payee and a problem.
with pools as (

    select *
    from {{ ref('int_royalties__pools') }}
    where {{ stale_days('royalty_month') }}

),

-- Everybody's streams count, whatever they pay in; money counts in the pool of its currency.
counted as (

    select
        pools.royalty_month,
        audiences.audience_number,
        pools.licensor_id,
        pools.pool_number,
        pools.trial_streams_count,
        coalesce(audiences.currency = pools.currency, false) as counts_money
    from pools
    inner join {{ ref('int_royalties__audiences') }} as audiences
        on {{ same('audiences', 'pools', ['royalty_month', 'territory', 'plan_code']) }}
    where {{ stale_days('audiences.royalty_month') }}

),

recordings as (

    select
        heard.royalty_month,
        counted.pool_number,
        heard.recording_number,
        heard.as_of_on,
        cast(sum(case when counted.trial_streams_count then heard.streams else heard.paid_streams end) as bigint)
            as streams,
        cast(sum(
            case
                when not counted.counts_money then 0
                when counted.trial_streams_count then heard.stream_value
                else heard.paid_stream_value
            end
        ) as bigint) as value
    from {{ ref('int_royalties__recording_values') }} as heard
    inner join {{ ref('int_royalties__catalogue') }} as catalogue
        on {{ same('catalogue', 'heard', ['royalty_month', 'recording_number']) }}
    inner join counted
        on {{ same('counted', 'heard', ['royalty_month', 'audience_number']) }}
        and counted.licensor_id = catalogue.licensor_id
    where {{ stale_days('heard.royalty_month') }} and {{ stale_days('catalogue.royalty_month') }}
    group by heard.royalty_month, counted.pool_number, heard.recording_number, heard.as_of_on

),

earned as (

    select
        recordings.*,
        {{ precomputed_part('recordings.streams', 'pools.base_per_stream', 'pools.base_rest', 'pools.all_streams') }}
            as pro_rata_earned,
        {{ part_by_digits('recordings.value', 'pools.own_per_value', 'pools.own_digits', 'pools.own_more_digits') }}
        + {{ precomputed_part('recordings.streams', 'pools.shared_per_stream', 'pools.shared_rest',
            'pools.all_streams') }} as user_centric_earned
    from recordings
    inner join pools
        on {{ same('pools', 'recordings', ['royalty_month', 'pool_number']) }}
    where recordings.streams > 0

),

shared as (

    select
        earned.royalty_month,
        earned.pool_number,
        earned.recording_number,
        coalesce(splits.holds_all_month, false) as holds_all_month,
        splits.rights_holder_id,
        case when splits.recording_number is null then 'no split' else splits.problem end as problem,
        earned.streams,
        {{ millionths_of('earned.pro_rata_earned', 'coalesce(splits.share_millionths, 1000000)') }} as pro_rata_nanos,
        {{ millionths_of('earned.user_centric_earned', 'coalesce(splits.share_millionths, 1000000)') }}
            as user_centric_nanos
    from earned
    left join {{ ref('int_royalties__splits') }} as splits
        on {{ same('splits', 'earned', ['royalty_month', 'recording_number']) }}
        and {{ valid_on('splits', 'earned.as_of_on') }} and {{ stale_days('splits.royalty_month') }}

)

-- Most splits hold all month: only the others can have come in parts.
select
    royalty_month, pool_number, recording_number, rights_holder_id, problem, streams, pro_rata_nanos, user_centric_nanos
from shared
where holds_all_month
union all
select
    royalty_month, pool_number, recording_number, rights_holder_id, problem,
    cast(sum(streams) as bigint) as streams,
    cast(sum(pro_rata_nanos) as bigint) as pro_rata_nanos,
    cast(sum(user_centric_nanos) as bigint) as user_centric_nanos
from shared
where not holds_all_month
group by royalty_month, pool_number, recording_number, rights_holder_id, problem
