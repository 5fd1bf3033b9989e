{{ config(day='royalty_month', unit='month',
    reads={
        'int_royalties__daily_revenue': 'day', 'dim_contract': 'sliced',
        'int_finance__exchange_rates': 'sliced'
    }) }}
-- For each licensor the money its contract gives a share of, day by day under the terms of the day; the other terms are
-- those of the last day of the month on which there are any. The narrowest contract wins.
with days as (

    select
        {{ period('revenue_on', 'month') }} as royalty_month,
        revenue_on,
        territory,
        plan_code,
        currency,
        cast(sum(net_cents) as bigint) as net_cents
    from {{ ref('int_royalties__daily_revenue') }}
    where {{ stale_days('revenue_on') }}
    group by {{ period('revenue_on', 'month') }}, revenue_on, territory, plan_code, currency

),

candidates as (

    select
        days.*,
        contracts.contract_id,
        contracts.licensor_id,
        contracts.revenue_share,
        contracts.minimum_per_subscriber,
        contracts.minimum_currency,
        contracts.allocation_method,
        contracts.trial_streams_count,
        contracts.silent_subscribers,
        row_number() over (
            partition by days.revenue_on, days.territory, days.plan_code, days.currency, contracts.licensor_id
            order by
                case when contracts.territory = 'WW' then 1 else 0 end,
                case when contracts.plan_code = 'ALL' then 1 else 0 end,
                contracts.contract_id
        ) as wideness
    from days
    inner join {{ ref('dim_contract') }} as contracts
        on contracts.territory in (days.territory, 'WW')
        and contracts.plan_code in (days.plan_code, 'ALL')
        and {{ valid_on('contracts', 'days.revenue_on') }}

),

in_force as (

    select
        *,
        row_number() over (
            partition by royalty_month, territory, plan_code, currency, licensor_id order by revenue_on desc
        ) as newest_first
    from candidates
    where wideness = 1

),

summed as (

    select
        royalty_month,
        territory,
        plan_code,
        currency,
        licensor_id,
        max(case when newest_first = 1 then contract_id end) as contract_id,
        max(case when newest_first = 1 then revenue_share end) as revenue_share,
        max(case when newest_first = 1 then minimum_per_subscriber end) as minimum_per_subscriber,
        max(case when newest_first = 1 then minimum_currency end) as minimum_currency,
        max(case when newest_first = 1 then allocation_method end) as allocation_method,
        max(case when newest_first = 1 and trial_streams_count then 1 else 0 end) = 1 as trial_streams_count,
        max(case when newest_first = 1 then silent_subscribers end) as silent_subscribers,
        max(case when newest_first = 1 then revenue_on end) as terms_on,
        cast(sum(net_cents) as bigint) as net_cents,
        -- Cents times millionths are millionths of a cent: exact.
        sum({{ wide('net_cents') }} * cast(revenue_share * 1000000 as bigint)) as share_micros
    from in_force
    group by royalty_month, territory, plan_code, currency, licensor_id

)

select
    summed.royalty_month,
    summed.territory,
    summed.plan_code,
    summed.currency,
    summed.licensor_id,
    summed.contract_id,
    summed.revenue_share,
    summed.allocation_method,
    summed.trial_streams_count,
    summed.silent_subscribers,
    summed.net_cents,
    greatest(summed.share_micros, 0) * 1000 as share_nanos,
    summed.minimum_per_subscriber,
    summed.minimum_currency,
    -- In the pool's currency: 0.0001 is 10,000,000 billionths of a cent.
    case
        when summed.minimum_per_subscriber is null then {{ wide(0) }}
        else {{ whole_quotient(
            wide('cast(summed.minimum_per_subscriber * 10000 as bigint)') ~ ' * 10000000 * cast('
            ~ rate_of('summed.minimum_currency', 'minimum_rates') ~ ' * 100000000 as bigint)',
            'cast(' ~ rate_of('summed.currency', 'pool_rates') ~ ' * 100000000 as bigint)') }}
    end as minimum_nanos
from summed
left join {{ ref('int_finance__exchange_rates') }} as minimum_rates
    on minimum_rates.currency = summed.minimum_currency and minimum_rates.valid_from = summed.terms_on
left join {{ ref('int_finance__exchange_rates') }} as pool_rates
    on pool_rates.currency = summed.currency and pool_rates.valid_from = summed.terms_on
