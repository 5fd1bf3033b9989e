{{ config(materialized='whole') }}
-- Open balances in other currencies at the end of a month, at its closing rate; taken back on the next day.
with differences as (

    select
        balances.*,
        concat(
            substr(cast(balances.month as {{ dbt.type_string() }}), 1, 7),
            '/', balances.account_code, '/', balances.currency
        ) as source_key,
        rules.debit_account,
        rules.credit_account,
        rules.description as what
    from {{ ref('int_finance__foreign_balances') }} as balances
    inner join {{ ref('int_finance__posting_rules') }} as rules
        on rules.event = 'revaluation' and rules.condition_value = balances.account_code
        and balances.month_end >= rules.valid_from and (balances.month_end < rules.valid_to or rules.valid_to is null)
    where balances.difference <> 0

),

entries as (

    select
        *,
        month_end as occurred_on,
        source_key as entry_source_key,
        difference as signed_difference
    from differences
    union all
    select
        *,
        {{ add_periods('month_end', 1, 'day') }} as occurred_on,
        concat(source_key, '/back') as entry_source_key,
        -difference as signed_difference
    from differences

),

sides as (

    select *, debit_account as posted_account, signed_difference as reporting_amount
    from entries
    union all
    select *, credit_account as posted_account, -signed_difference as reporting_amount
    from entries

)

select
    concat('revaluation:', entry_source_key, '@', replace(cast(occurred_on as {{ dbt.type_string() }}), '-', ''))
        as entry_key,
    'revaluation' as event,
    'finance.trial_balance' as source_table,
    entry_source_key as source_key,
    occurred_on,
    concat(what, ' of ', account_code, ' ', currency) as description,
    currency,
    exchange_rate,
    md5(concat(
        cast(signed_difference as {{ dbt.type_string() }}), ' ', cast(exchange_rate as {{ dbt.type_string() }})
    )) as content_hash,
    cast(row_number() over (partition by entry_source_key order by reporting_amount desc) as integer) as line_number,
    posted_account as account_code,
    cast(0 as decimal(18, 2)) as amount,
    reporting_amount,
    occurred_on as valid_from,
    {{ add_periods('occurred_on', 1, 'day') }} as valid_to
from sides
