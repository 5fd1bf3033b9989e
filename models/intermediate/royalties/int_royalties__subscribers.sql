{{ config(day='royalty_month', unit='month',
    reads={
        'int_royalties__daily_streams': 'day', 'int_royalties__daily_revenue': 'day'
    }) }}
-- What a subscriber paid and heard in a month, and so what each of her streams is worth, in 100,000,000,000ths of a
-- cent. Streams of trial listeners are counted apart: some contracts do not count them.
with streams as (

    select
        {{ period('played_on', 'month') }} as royalty_month,
        account_id,
        territory,
        plan_code,
        cast(sum(streams) as bigint) as streams,
        cast(sum(case when is_trial then 0 else streams end) as bigint) as paid_streams
    from {{ ref('int_royalties__daily_streams') }}
    where {{ stale_days('played_on') }}
    group by {{ period('played_on', 'month') }}, account_id, territory, plan_code

),

revenue as (

    select
        {{ period('revenue_on', 'month') }} as royalty_month,
        account_id,
        territory,
        plan_code,
        currency,
        cast(sum(net_cents) as bigint) as net_cents
    from {{ ref('int_royalties__daily_revenue') }}
    where {{ stale_days('revenue_on') }}
    group by {{ period('revenue_on', 'month') }}, account_id, territory, plan_code, currency

),

both_sides as (

    select
        coalesce(revenue.royalty_month, streams.royalty_month) as royalty_month,
        coalesce(revenue.account_id, streams.account_id) as account_id,
        coalesce(revenue.territory, streams.territory) as territory,
        coalesce(revenue.plan_code, streams.plan_code) as plan_code,
        revenue.currency,
        coalesce(revenue.net_cents, 0) as net_cents,
        coalesce(streams.streams, 0) as streams,
        coalesce(streams.paid_streams, 0) as paid_streams
    from revenue
    full outer join streams
        on streams.royalty_month = revenue.royalty_month
        and streams.account_id = revenue.account_id
        and streams.territory = revenue.territory
        and streams.plan_code = revenue.plan_code

)

select
    royalty_month,
    account_id,
    territory,
    plan_code,
    currency,
    cast(dense_rank() over (
        partition by royalty_month order by territory, plan_code, coalesce(currency, '')
    ) as integer) as audience_number,
    net_cents,
    streams,
    paid_streams,
    case
        when net_cents <= 0 or streams = 0 then cast(0 as bigint)
        else cast({{ whole_quotient(wide('net_cents') ~ ' * 100000000000', 'streams') }} as bigint)
    end as stream_value,
    case
        when net_cents <= 0 or paid_streams = 0 then cast(0 as bigint)
        else cast({{ whole_quotient(wide('net_cents') ~ ' * 100000000000', 'paid_streams') }} as bigint)
    end as paid_stream_value,
    -- In two currencies at once her streams still count once.
    case
        when row_number() over (
            partition by royalty_month, account_id, territory, plan_code order by coalesce(currency, '')
        ) = 1 then 1
        else 0
    end as counts_streams
from both_sides
