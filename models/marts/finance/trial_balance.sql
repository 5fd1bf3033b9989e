{{ config(materialized='whole') }}
with moved as (

    select
        cast(date_trunc('month', posted_on) as date) as month,
        account_code,
        currency,
        sum(debit_amount) as debit_amount,
        sum(credit_amount) as credit_amount,
        sum(reporting_debit_amount) as reporting_debit_amount,
        sum(reporting_credit_amount) as reporting_credit_amount,
        sum(case when batch_id is null then reporting_debit_amount else 0 end) as reporting_not_posted_amount
    from {{ ref('int_finance__gl_daily') }}
    group by cast(date_trunc('month', posted_on) as date), account_code, currency

),

months as (

    select distinct month from moved

),

balances as (

    select
        account_code,
        currency,
        min(month) as first_month
    from moved
    group by account_code, currency

),

running as (

    select
        months.month,
        balances.account_code,
        balances.currency,
        coalesce(moved.debit_amount, 0) as debit_amount,
        coalesce(moved.credit_amount, 0) as credit_amount,
        sum(coalesce(moved.debit_amount, 0) - coalesce(moved.credit_amount, 0)) over up_to_here as closing_amount,
        coalesce(moved.reporting_debit_amount, 0) as reporting_debit_amount,
        coalesce(moved.reporting_credit_amount, 0) as reporting_credit_amount,
        sum(coalesce(moved.reporting_debit_amount, 0) - coalesce(moved.reporting_credit_amount, 0)) over up_to_here
            as reporting_closing_amount,
        coalesce(moved.reporting_not_posted_amount, 0) as reporting_not_posted_amount
    from balances
    inner join months on months.month >= balances.first_month
    left join moved
        on moved.month = months.month
        and moved.account_code = balances.account_code
        and moved.currency = balances.currency
    window up_to_here as (partition by balances.account_code, balances.currency order by months.month)

),

final as (

    select
        running.month,
        running.account_code,
        accounts.name as account_name,
        accounts.type as account_type,
        running.currency,
        cast(running.closing_amount - running.debit_amount + running.credit_amount as decimal(18, 2)) as opening_amount,
        cast(running.debit_amount as decimal(18, 2)) as debit_amount,
        cast(running.credit_amount as decimal(18, 2)) as credit_amount,
        cast(running.closing_amount as decimal(18, 2)) as closing_amount,
        {{ reporting_currency() }} as reporting_currency,
        cast(
            running.reporting_closing_amount - running.reporting_debit_amount + running.reporting_credit_amount
            as decimal(18, 2)
        ) as reporting_opening_amount,
        cast(running.reporting_debit_amount as decimal(18, 2)) as reporting_debit_amount,
        cast(running.reporting_credit_amount as decimal(18, 2)) as reporting_credit_amount,
        cast(running.reporting_closing_amount as decimal(18, 2)) as reporting_closing_amount,
        cast(running.reporting_not_posted_amount as decimal(18, 2)) as reporting_not_posted_amount
    from running
    left join {{ ref('accounts') }} as accounts
        on accounts.account_code = running.account_code
        and running.month >= accounts.valid_from
        and (running.month < accounts.valid_to or accounts.valid_to is null)

)

select * from final
