{{ config(materialized='view') }}
-- The lines of the statements to be issued next, each statement converted once per currency: the running total is
-- converted, and a line is what it adds, so that lines add up to the statement's cents exactly.
with next_month as (

    select coalesce(
        (select {{ add_periods('max(royalty_month)', 1, 'month') }} from {{ ref('int_royalties__closed_months') }}),
        (
            select min(statement_month)
            from {{ ref('fct_statement_lines') }}
            where issued_on is null
        )
    ) as statement_month

),

lines as (

    select
        lines.*,
        {{ cents('lines.amount') }} as line_cents,
        coalesce(holders.currency, lines.currency) as into_currency,
        {{ add_periods(add_periods('next_month.statement_month', 1, 'month'), -1, 'day') }} as converted_on
    from {{ ref('fct_statement_lines') }} as lines
    inner join next_month on next_month.statement_month = lines.statement_month
    left join {{ ref('dim_rights_holder') }} as holders on holders.rights_holder_id = lines.rights_holder_id
    where lines.issued_on is null

),

rated as (

    select
        lines.*,
        sum(lines.line_cents) over (
            partition by lines.rights_holder_id, lines.currency order by lines.statement_line_id
            rows between unbounded preceding and current row
        ) as running_cents,
        case
            when lines.currency = lines.into_currency then 1
            else {{ rate_units('lines.currency', 'own_rates') }}
        end as own_units,
        case
            when lines.currency = lines.into_currency then 1
            else {{ rate_units('lines.into_currency', 'into_rates') }}
        end as into_units
    from lines
    left join {{ ref('int_finance__exchange_rates') }} as own_rates
        on own_rates.currency = lines.currency and own_rates.valid_from = lines.converted_on
    left join {{ ref('int_finance__exchange_rates') }} as into_rates
        on into_rates.currency = lines.into_currency and into_rates.valid_from = lines.converted_on

)

select
    statement_line_id,
    statement_month,
    line_kind,
    rights_holder_id,
    licensor_id,
    recording_id,
    territory,
    plan_code,
    play_month,
    cause,
    streams,
    amount,
    currency,
    case
        when own_units is null or into_units is null
            then cast({{ fail_with("concat('no exchange rate of ', currency, ' in ', into_currency, ' on ',
                cast(converted_on as " ~ dbt.type_string() ~ "))") }} as decimal(18, 8))
        else
            cast(
                cast({{ rounded_quotient(wide('own_units') ~ ' * 100000000', 'into_units') }} as decimal(26, 0))
                * cast(0.00000001 as decimal(9, 8)) as decimal(18, 8)
            )
    end as exchange_rate,
    {{ from_cents(converted_cents('running_cents', 'own_units', 'into_units') ~ ' - '
        ~ converted_cents('running_cents - line_cents', 'own_units', 'into_units')) }} as statement_amount,
    into_currency as statement_currency
from rated
