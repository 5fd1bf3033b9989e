{{ config(day='settled_on',
    reads={
        'fct_settlements': 'day', 'fct_payments': var('deferral_days'),
        'int_finance__invoiced_lines': var('deferral_days')
    }) }}
-- What the processor kept of a payment, on the day of its report, under the plan that the payment was for.
with fees as (

    select settlement_id, payment_id, currency, fee_amount, settled_on
    from {{ ref('fct_settlements') }}
    where {{ stale_days('settled_on') }} and fee_amount <> 0

),

paid as (

    select
        fees.settlement_id,
        fees.settled_on,
        fees.currency,
        fees.fee_amount,
        payments.invoice_id
    from fees
    inner join {{ ref('fct_payments') }} as payments
        on payments.payment_id = fees.payment_id
        and payments.attempted_on <= fees.settled_on
        and payments.attempted_on > {{ add_periods('fees.settled_on', -1 * var('deferral_days'), 'day') }}
    where {{ stale_days('payments.attempted_on', lookback=var('deferral_days')) }}

),

with_lines as (

    select
        paid.settlement_id,
        paid.settled_on,
        lines.account_id,
        lines.country,
        lines.plan_code,
        paid.currency,
        paid.fee_amount,
        row_number() over (
            partition by paid.settlement_id order by lines.line_number, lines.invoice_line_id
        ) as line_place
    from paid
    inner join {{ ref('int_finance__invoiced_lines') }} as lines
        on lines.invoice_id = paid.invoice_id
        and lines.issued_on <= paid.settled_on
        and lines.issued_on > {{ add_periods('paid.settled_on', -1 * var('deferral_days'), 'day') }}
    where {{ stale_days('lines.issued_on', lookback=var('deferral_days')) }}

)

select settlement_id, settled_on, account_id, country, plan_code, currency, fee_amount
from with_lines
where line_place = 1
