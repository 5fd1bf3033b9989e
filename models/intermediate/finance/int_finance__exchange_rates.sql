{{ config(materialized='whole') }}
with published as (

    select
        rated_on,
        {{ rate_currencies() | join(',\n        ') }},
        row_number() over (partition by rated_on order by _arrived_on desc, _dump_id, _source_line) as newest_first
    from {{ ref('stg_rates__eurofxref') }}

),

per_currency as (

    select rated_on, upper(currency) as currency, cast(units_per_euro * 1000000 as bigint) as millionths_per_euro
    from published
    unpivot (units_per_euro for currency in ({{ rate_currencies() | join(', ') }}))
    where newest_first = 1 and units_per_euro > 0

),

with_next as (

    select
        *,
        lead(rated_on) over (partition by currency order by rated_on) as next_rated_on
    from per_currency

),

per_day as (

    select
        calendar.day,
        with_next.currency,
        with_next.rated_on,
        {{ whole_quotient('100000000000000 + ' ~ whole_quotient('with_next.millionths_per_euro', 2), 'with_next.millionths_per_euro') }} as rate_units
    from with_next
    inner join {{ calendar() }} as calendar
        on calendar.day >= with_next.rated_on
        and calendar.day < coalesce(with_next.next_rated_on, {{ add_periods('with_next.rated_on', var('rate_reach_days'), 'day') }})
        and calendar.day < {{ add_periods('with_next.rated_on', var('rate_reach_days'), 'day') }}
    where calendar.day >= (select min(opened_on) from {{ ref('books') }})

),

final as (

    select
        currency,
        rated_on,
        cast(cast(rate_units as decimal(18, 0)) * cast(0.00000001 as decimal(9, 8)) as decimal(18, 8)) as exchange_rate,
        day as valid_from,
        {{ add_periods('day', 1, 'day') }} as valid_to
    from per_day
    union all
    select
        'EUR' as currency,
        cast(null as date) as rated_on,
        cast(1 as decimal(18, 8)) as exchange_rate,
        cast('1999-01-01' as date) as valid_from,
        cast(null as date) as valid_to

)

select * from final
