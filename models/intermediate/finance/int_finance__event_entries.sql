{{ config(day='occurred_on', reads={'int_finance__postings': 'day', 'accounts': 'whole'}) }}
-- The entries that events lead to, whatever has been posted: lines in both currencies, each entry balanced in both.
with sides as (

    select entry_key, debit_account as account_code, amount, reporting_only_amount
    from {{ ref('int_finance__postings') }}
    where {{ stale_days('occurred_on') }}
    union all
    select entry_key, credit_account as account_code, -amount as amount, -reporting_only_amount as reporting_only_amount
    from {{ ref('int_finance__postings') }}
    where {{ stale_days('occurred_on') }}

),

entries as (

    select
        entry_key,
        event,
        source_table,
        source_key,
        occurred_on,
        min(description) as description,
        min(plan_code) as plan_code,
        min(country) as country,
        currency,
        exchange_rate
    from {{ ref('int_finance__postings') }}
    where {{ stale_days('occurred_on') }}
    group by entry_key, event, source_table, source_key, occurred_on, currency, exchange_rate

),

per_account as (

    select entry_key, account_code, sum(amount) as amount, sum(reporting_only_amount) as reporting_only_amount
    from sides
    group by entry_key, account_code

),

converted as (

    select
        entries.entry_key,
        per_account.account_code,
        cast(per_account.amount as decimal(18, 2)) as amount,
        cast(
            {{ in_reporting_currency('per_account.amount', 'entries.exchange_rate') }}
            + per_account.reporting_only_amount as decimal(18, 2)
        ) as reporting_amount
    from entries
    inner join per_account on per_account.entry_key = entries.entry_key

),

rounded as (

    select entry_key, account_code, amount, reporting_amount
    from converted
    where amount <> 0 or reporting_amount <> 0
    union all
    select
        entry_key,
        (
            select min(accounts.account_code)
            from {{ ref('accounts') }} as accounts
            where accounts.role = 'rounding'
        ) as account_code,
        cast(0 as decimal(18, 2)) as amount,
        cast(-sum(reporting_amount) as decimal(18, 2)) as reporting_amount
    from converted
    group by entry_key
    having sum(reporting_amount) <> 0

),

numbered as (

    select
        entry_key,
        account_code,
        amount,
        reporting_amount,
        row_number() over (partition by entry_key order by amount desc, reporting_amount desc, account_code)
            as line_number
    from rounded

),

hashed as (

    select
        numbered.entry_key,
        {{ ordered_concat(
            "concat(numbered.account_code, ' ', cast(numbered.amount as " ~ dbt.type_string() ~ "),
            ' ', cast(numbered.reporting_amount as " ~ dbt.type_string() ~ "))",
            'numbered.line_number') }} as content
    from numbered
    group by numbered.entry_key

)

select
    entries.*,
    md5(concat(
        hashed.content, ' ', entries.currency, ' ', coalesce(entries.plan_code, ''),
        ' ', coalesce(entries.country, '')
    )) as content_hash,
    cast(numbered.line_number as integer) as line_number,
    numbered.account_code,
    numbered.amount,
    numbered.reporting_amount
from numbered
inner join entries on entries.entry_key = numbered.entry_key
inner join hashed on hashed.entry_key = numbered.entry_key
