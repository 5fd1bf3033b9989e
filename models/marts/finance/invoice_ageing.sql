{{ config(materialized='whole') }}
-- What is still owed to us (or by us, where it is negative), as the journal has it, on the newest day that has landed.
with moved as (

    select invoice_id, currency, total_amount as amount from {{ ref('int_finance__invoiced_lines') }}
    union all
    select invoice_id, currency, -total_amount as amount from {{ ref('int_finance__credits') }}
    union all
    select
        invoice_id,
        currency,
        -amount as amount
    from {{ ref('int_finance__cash_movements') }}
    where invoice_id is not null and problem is null

),

open_invoices as (

    select invoice_id, currency, sum(amount) as open_amount
    from moved
    group by invoice_id, currency
    having sum(amount) <> 0

),

newest as (

    select max(issued_on) as as_of from {{ ref('fct_invoices') }}

),

aged as (

    select
        open_invoices.invoice_id,
        invoices.account_id,
        invoices.country,
        open_invoices.currency,
        invoices.issued_on,
        invoices.due_on,
        newest.as_of,
        cast(open_invoices.open_amount as decimal(18, 2)) as open_amount,
        cast(greatest(0, {{ days_between('invoices.due_on', 'newest.as_of') }}) as integer) as days_overdue
    from open_invoices
    left join {{ ref('fct_invoices') }} as invoices on invoices.invoice_id = open_invoices.invoice_id
    cross join newest

)

select
    invoice_id,
    account_id,
    country,
    currency,
    issued_on,
    due_on,
    as_of,
    open_amount,
    days_overdue,
    case
        when issued_on is null then 'invoice has not landed'
        when open_amount < 0 then 'owed by us'
        when days_overdue = 0 then 'not due'
        when days_overdue <= 30 then '1 to 30 days'
        when days_overdue <= 60 then '31 to 60 days'
        when days_overdue <= 90 then '61 to 90 days'
        else 'over 90 days'
    end as bucket
from aged
