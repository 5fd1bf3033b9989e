{{ config(materialized='whole') }}
-- What is owed in service, month by month: the deferred revenue accounts of the journal, by what moved them.
with moved as (

    select
        cast(date_trunc('month', gl.posted_on) as date) as month,
        gl.currency,
        gl.plan_code,
        sum(case when gl.event = 'invoice_issued' then gl.credit_amount - gl.debit_amount else 0 end) as billed_amount,
        sum(case when gl.event = 'revenue_recognised' then gl.debit_amount - gl.credit_amount else 0 end)
            as recognised_amount,
        sum(case when gl.event = 'credit_note' then gl.debit_amount - gl.credit_amount else 0 end) as refunded_amount,
        sum(case when gl.event = 'invoice_written_off' then gl.debit_amount - gl.credit_amount else 0 end)
            as written_off_amount,
        sum(gl.credit_amount - gl.debit_amount) as movement
    from {{ ref('int_finance__gl_daily') }} as gl
    inner join {{ ref('accounts') }} as accounts
        on accounts.account_code = gl.account_code
        and accounts.role = 'deferred_revenue'
        and gl.posted_on >= accounts.valid_from
        and (gl.posted_on < accounts.valid_to or accounts.valid_to is null)
    group by cast(date_trunc('month', gl.posted_on) as date), gl.currency, gl.plan_code

),

months as (

    select distinct month from moved

),

series as (

    select
        currency,
        plan_code,
        min(month) as first_month
    from moved
    group by currency, plan_code

),

running as (

    select
        months.month,
        series.currency,
        series.plan_code,
        coalesce(moved.billed_amount, 0) as billed_amount,
        coalesce(moved.recognised_amount, 0) as recognised_amount,
        coalesce(moved.refunded_amount, 0) as refunded_amount,
        coalesce(moved.written_off_amount, 0) as written_off_amount,
        coalesce(moved.movement, 0) as movement,
        sum(coalesce(moved.movement, 0)) over (
            partition by series.currency, series.plan_code
            order by months.month
        ) as closing_amount
    from series
    inner join months on months.month >= series.first_month
    left join moved
        on moved.month = months.month
        and moved.currency = series.currency
        and moved.plan_code is not distinct from series.plan_code

)

select
    month,
    currency,
    plan_code,
    cast(closing_amount - movement as decimal(18, 2)) as opening_amount,
    cast(billed_amount as decimal(18, 2)) as billed_amount,
    cast(recognised_amount as decimal(18, 2)) as recognised_amount,
    cast(refunded_amount as decimal(18, 2)) as refunded_amount,
    cast(written_off_amount as decimal(18, 2)) as written_off_amount,
    cast(closing_amount as decimal(18, 2)) as closing_amount
from running
