{{ config(materialized='whole') }}
-- Open balances in other currencies at the end of a month, at its closing rate; taken back on the next day. A month is
-- over when a rate of its last day, or of a later one, is known.
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

),

differences as (

    select
        balances.*,
        rates.exchange_rate,
        cast(
            {{ in_reporting_currency('balances.amount', 'rates.exchange_rate') }}
            - balances.reporting_amount as decimal(18, 2)
        ) as difference
    from balances
    inner join {{ ref('int_finance__exchange_rates') }} as rates
        on rates.currency = balances.currency and rates.valid_from = balances.month_end

),

both_days as (

    select
        *,
        month_end as occurred_on,
        '' as suffix,
        difference as signed_difference
    from differences
    where difference <> 0
    union all
    select
        *,
        {{ add_periods('month_end', 1, 'day') }} as occurred_on,
        '/back' as suffix,
        -difference as signed_difference
    from differences
    where difference <> 0

),

sides as (

    select
        both_days.*,
        rules.debit_account as posted_account,
        rules.description,
        both_days.signed_difference as reporting_amount_moved
    from both_days
    inner join {{ ref('int_finance__posting_rules') }} as rules
        on rules.event = 'revaluation' and rules.condition_value = both_days.account_code
        and both_days.month_end >= rules.valid_from and (both_days.month_end < rules.valid_to or rules.valid_to is null)
    union all
    select
        both_days.*,
        rules.credit_account as posted_account,
        rules.description,
        -both_days.signed_difference as reporting_amount_moved
    from both_days
    inner join {{ ref('int_finance__posting_rules') }} as rules
        on rules.event = 'revaluation' and rules.condition_value = both_days.account_code
        and both_days.month_end >= rules.valid_from and (both_days.month_end < rules.valid_to or rules.valid_to is null)

),

keyed as (

    select
        *,
        concat(substr(cast(month as {{ dbt.type_string() }}), 1, 7), '/', account_code, '/', currency, suffix)
            as source_key
    from sides

),

final as (

    select
        concat('revaluation:', source_key, '@', replace(cast(occurred_on as {{ dbt.type_string() }}), '-', ''))
            as entry_key,
        'revaluation' as event,
        'finance.trial_balance' as source_table,
        source_key,
        occurred_on,
        concat(description, ' of ', account_code, ' ', currency) as description,
        currency,
        exchange_rate,
        md5(concat(
            cast(signed_difference as {{ dbt.type_string() }}), ' ', cast(exchange_rate as {{ dbt.type_string() }})
        )) as content_hash,
        cast(
            row_number() over (partition by source_key order by reporting_amount_moved desc) as integer
        ) as line_number,
        posted_account as account_code,
        cast(0 as decimal(18, 2)) as amount,
        reporting_amount_moved as reporting_amount,
        occurred_on as valid_from,
        {{ add_periods('occurred_on', 1, 'day') }} as valid_to
    from keyed

)

select * from final
