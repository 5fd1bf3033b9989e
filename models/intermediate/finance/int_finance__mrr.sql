{{ config(day='month', unit='month', reads={
    'int_finance__revenue_recognised': 'day',
    'int_finance__invoiced_lines': 15}) }}
-- Who pays what a month at the end of it (in the running month: on its last day known): of each subscription in service
-- the line invoiced last. A year counts a twelfth; the rest of a month after a change of plan counts as a whole one.
with days as (

    select *, max(recognised_on) over (partition by cast(date_trunc('month', recognised_on) as date)) as last_on
    from {{ ref('int_finance__revenue_recognised') }}
    where {{ stale_days('recognised_on') }}

),

in_service as (

    select
        cast(date_trunc('month', days.recognised_on) as date) as month,
        days.account_id,
        days.currency,
        days.plan_code,
        {{ cents('lines.net_amount') }} as net_cents,
        greatest(1, {{ days_between('cast(lines.service_from as date)', 'cast(lines.service_to as date)') }})
            as service_days,
        row_number() over (
            partition by days.subscription_id, days.recognised_on
            order by lines.issued_at desc, lines.line_number desc, lines.invoice_line_id desc
        ) as newest_first
    from days
    inner join {{ ref('int_finance__invoiced_lines') }} as lines on lines.invoice_line_id = days.invoice_line_id
    where
        days.recognised_on = days.last_on
        and lines.kind = 'subscription'
        and {{ stale_days('lines.issued_on', lookback=15) }}

),

monthly as (

    select
        *,
        case
            when service_days >= 360 then {{ whole_quotient('net_cents', 12) }}
            when service_days < 28 then {{ whole_quotient('net_cents * 30', 'service_days') }}
            else net_cents
        end as monthly_cents
    from in_service
    where newest_first = 1

)

select
    month,
    account_id,
    currency,
    min(plan_code) as plan_code,
    {{ from_cents('sum(monthly_cents)') }} as mrr_amount
from monthly
where monthly_cents > 0
group by month, account_id, currency
