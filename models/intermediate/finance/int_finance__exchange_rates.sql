{{ config(access='public', materialized='whole') }}
-- One row a day, not a span: a rate that lands today leaves the days before it as they are, and what was posted with
-- them.
with per_day as (

    select
        calendar.day,
        rates.currency,
        rates.valid_from as rated_on,
        cast(rates.units_per_euro * 1000000 as bigint) as millionths_per_euro
    from {{ ref('dim_exchange_rate') }} as rates
    inner join {{ calendar() }} as calendar
        on calendar.day >= rates.valid_from
        and (calendar.day < rates.valid_to or rates.valid_to is null)
        and calendar.day < {{ add_periods('rates.valid_from', var('rate_reach_days'), 'day') }}
    where
        rates.currency <> {{ reporting_currency() }} and rates.units_per_euro > 0
        and calendar.day >= (select min(books.opened_on) from {{ ref('books') }} as books)

),

rounded as (

    select
        *,
        {{ whole_quotient('100000000000000 + ' ~ whole_quotient('millionths_per_euro', 2), 'millionths_per_euro') }}
            as rate_units
    from per_day

),

final as (

    select
        currency,
        rated_on,
        cast(cast(rate_units as decimal(18, 0)) * cast(0.00000001 as decimal(9, 8)) as decimal(18, 8)) as exchange_rate,
        day as valid_from,
        {{ add_periods('day', 1, 'day') }} as valid_to
    from rounded

)

select * from final
