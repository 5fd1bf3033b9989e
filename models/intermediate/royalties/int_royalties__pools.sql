{{ config(day='royalty_month', unit='month',
    reads={
        'int_royalties__terms': 'day', 'int_royalties__subscribers': 'day', 'int_royalties__heard': 'day'
    }) }}
-- How large a licensor's pool is under either method. `base` is what it would be if all streams were the licensor's.
with money as (
    select
        royalty_month, territory, plan_code, currency,
        {{ sum_where("account_id <> ''", 'greatest(net_cents, 0)') }} as subscriber_cents,
        {{ sum_where("account_id = ''", 'greatest(net_cents, 0)') }} as nobodys_cents,
        {{ sum_where("account_id <> '' and streams = 0", 'greatest(net_cents, 0)') }} as silent_cents,
        {{ sum_where("account_id <> '' and paid_streams = 0", 'greatest(net_cents, 0)') }} as silent_but_trial_cents,
        count(case when account_id <> '' and net_cents > 0 then 1 end) as subscribers
    from {{ ref('int_royalties__subscribers') }}
    where {{ stale_days('royalty_month') }} and currency is not null
    group by royalty_month, territory, plan_code, currency
),

-- Under the licensor's terms: streams of trial listeners count or do not, for her part as for the whole.
weighed as (
    select
        terms.royalty_month, terms.territory, terms.plan_code, terms.currency, terms.licensor_id,
        {{ sum_where('true', counted('terms', 'heard', 'streams')) }} as all_streams,
        {{ sum_where('heard.licensor_id = terms.licensor_id', counted('terms', 'heard', 'streams')) }} as streams,
        {{ wide("sum(case when heard.currency = terms.currency then " ~ counted('terms', 'heard', 'stream_value')
            ~ " else 0 end)") }} as all_value,
        {{ wide("sum(case when heard.currency = terms.currency and heard.licensor_id = terms.licensor_id then "
            ~ counted('terms', 'heard', 'stream_value') ~ " else 0 end)") }} as value
    from {{ ref('int_royalties__terms') }} as terms
    inner join {{ ref('int_royalties__heard') }} as heard
        on heard.royalty_month = terms.royalty_month
        and heard.territory = terms.territory
        and heard.plan_code = terms.plan_code
    where {{ stale_days('terms.royalty_month') }} and {{ stale_days('heard.royalty_month') }}
    group by terms.royalty_month, terms.territory, terms.plan_code, terms.currency, terms.licensor_id
),

based as (
    select
        terms.*,
        weighed.all_streams, weighed.streams, weighed.all_value, weighed.value,
        money.subscribers, money.subscriber_cents, money.nobodys_cents,
        case
            when terms.trial_streams_count then money.silent_cents
            else money.silent_but_trial_cents
        end as silent_cents,
        greatest(terms.share_nanos, terms.minimum_nanos * money.subscribers) as base_nanos
    from {{ ref('int_royalties__terms') }} as terms
    inner join weighed
        on {{ same('weighed', 'terms', pool_key()) }}
    inner join money
        on {{ same('money', 'terms', ['royalty_month', 'territory', 'plan_code', 'currency']) }}
    where {{ stale_days('terms.royalty_month') }} and weighed.streams > 0
),

-- The part of the base that follows each subscriber's own streams, and the part of the silent that nobody gets.
parted as (
    select
        *,
        {{ part_of('base_nanos', '
            case
                when all_value = 0 then 0
                else subscriber_cents - silent_cents
            end
        ', 'subscriber_cents + nobodys_cents') }} as own_nanos,
        {{ part_of('base_nanos', "
            case
                when silent_subscribers = 'retained' then silent_cents
                else 0
            end
        ", 'subscriber_cents + nobodys_cents') }} as silent_nanos
    from based
),

sized as (
    select
        *,
        base_nanos - own_nanos - silent_nanos as shared_nanos,
        {{ part_of('base_nanos', 'streams', 'all_streams') }} as pro_rata_nanos,
        {{ part_of('own_nanos', 'value', 'all_value') }}
        + {{ part_of('base_nanos - own_nanos - silent_nanos', 'streams', 'all_streams') }}
        + {{ part_of('silent_nanos', 'streams', 'all_streams') }} as user_centric_nanos,
        {{ part_of('silent_nanos', 'streams', 'all_streams') }} as retained_nanos
    from parted
)

select
    royalty_month, territory, plan_code, currency, licensor_id, contract_id, revenue_share, minimum_per_subscriber,
    minimum_currency, allocation_method, trial_streams_count, silent_subscribers, net_cents, subscribers,
    subscriber_cents, nobodys_cents, silent_cents, all_streams, streams, all_value, value,
    cast(row_number() over (partition by royalty_month order by territory, plan_code, currency, licensor_id) as integer)
        as pool_number,
    minimum_nanos * subscribers > share_nanos as is_at_minimum,
    base_nanos, own_nanos, shared_nanos, silent_nanos, retained_nanos, pro_rata_nanos, user_centric_nanos,
    cast({{ whole_quotient('base_nanos', 'all_streams') }} as bigint) as base_per_stream,
    cast(base_nanos % all_streams as bigint) as base_rest,
    cast({{ whole_quotient('shared_nanos', 'all_streams') }} as bigint) as shared_per_stream,
    cast(shared_nanos % all_streams as bigint) as shared_rest,
    case
        when all_value = 0 then cast(0 as bigint)
        else cast({{ whole_quotient('own_nanos', 'all_value') }} as bigint)
    end as own_per_value,
    {{ digits_of_quotient('own_nanos', 'all_value', 1) }} as own_digits,
    {{ digits_of_quotient('own_nanos', 'all_value', 10) }} as own_more_digits,
    cast({{ rounded_quotient('pro_rata_nanos', nanos()) }} as bigint) as pro_rata_cents,
    cast({{ rounded_quotient('user_centric_nanos', nanos()) }} as bigint) as user_centric_cents
from sized
