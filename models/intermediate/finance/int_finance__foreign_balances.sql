{{ config(materialized='whole') }}
-- A month is over when a rate of its last day, or of a later one, is known.
with months as (

    select
        cast(date_trunc('month', calendar.day) as date) as month,
        calendar.day as month_end
    from {{ calendar() }} as calendar
    where
        calendar.day
        = {{ add_periods(add_periods("cast(date_trunc('month', calendar.day) as date)", 1, 'month'), -1, 'day') }}
        and calendar.day >= (select min(moves.occurred_on) from {{ ref('int_finance__foreign_moves') }} as moves)
        and calendar.day <= (select max(rates.rated_on) from {{ ref('int_finance__exchange_rates') }} as rates)

),

balances as (

    select
        months.month,
        months.month_end,
        moves.account_code,
        moves.currency,
        cast(sum(moves.amount) as decimal(18, 2)) as amount,
        sum(moves.reporting_amount) as reporting_amount
    from months
    inner join {{ ref('int_finance__foreign_moves') }} as moves on moves.occurred_on <= months.month_end
    group by months.month, months.month_end, moves.account_code, moves.currency

)

select
    balances.month,
    balances.month_end,
    balances.account_code,
    balances.currency,
    balances.amount,
    rates.exchange_rate,
    cast(
        {{ in_reporting_currency('balances.amount', 'rates.exchange_rate') }}
        - balances.reporting_amount as decimal(18, 2)
    ) as difference
from balances
inner join {{ ref('int_finance__exchange_rates') }} as rates
    on rates.currency = balances.currency and rates.valid_from = balances.month_end
