{{ config(day='moved_on', reads={
    'int_finance__cash_moved': var('deferral_days'),
    'int_finance__invoiced_lines': var('deferral_days'),
    'int_finance__exchange_rates': 'sliced'}) }}
-- Each movement beside its invoice and its payment. What does not go with them is posted to suspense, with its problem.
with moved as (

    select *
    from {{ ref('int_finance__cash_moved') }}
    where
        {{ stale_days('began_on', lookback=var('deferral_days')) }}
        and moved_on >= began_on
        and moved_on < {{ add_periods('began_on', var('deferral_days'), 'day') }}

),

invoices as (

    select
        invoice_id,
        min(country) as country,
        min(currency) as currency,
        min(exchange_rate) as exchange_rate,
        min(issued_on) as issued_on
    from {{ ref('int_finance__invoiced_lines') }}
    where {{ stale_days('issued_on', lookback=var('deferral_days')) }}
    group by invoice_id

),

payments as (

    select
        movement_id,
        currency,
        amount,
        began_on
    from moved
    where movement = 'payment'

),

given_back as (

    select refunds.movement_id, sum(earlier.amount) as amount
    from moved as refunds
    inner join moved as earlier
        on earlier.payment_id = refunds.payment_id
        and earlier.movement = 'refund'
        and earlier.began_on > {{ add_periods('refunds.moved_on', -1 * var('deferral_days'), 'day') }}
        and (
            earlier.moved_at < refunds.moved_at
            or (earlier.moved_at = refunds.moved_at and earlier.movement_id <= refunds.movement_id)
        )
    where refunds.movement = 'refund'
    group by refunds.movement_id

),

final as (

    select
        moved.movement_id,
        moved.movement,
        moved.payment_id,
        moved.invoice_id,
        moved.gift_card_id,
        moved.account_id,
        moved.method,
        invoices.country,
        moved.amount,
        moved.currency,
        cast({{ rate_of('moved.currency', 'rates') }} as decimal(18, 8)) as exchange_rate,
        case
            when moved.invoice_id is not null and invoices.invoice_id is null then 'its invoice is not known'
            when moved.invoice_id is not null and invoices.currency <> moved.currency
                then 'its invoice is in another currency'
            when moved.movement <> 'payment' and payments.movement_id is null then 'its payment is not known'
            when moved.movement <> 'payment' and payments.currency <> moved.currency
                then 'its payment is in another currency'
            when -given_back.amount > payments.amount then 'more is given back than was paid'
        end as problem,
        {{ in_reporting_currency('moved.amount', rate_of('moved.currency', 'rates')) }}
        - {{ in_reporting_currency('moved.amount', 'invoices.exchange_rate') }} as exchange_amount,
        moved.moved_on
    from moved
    left join invoices
        on invoices.invoice_id = moved.invoice_id
        and invoices.issued_on <= moved.moved_on
        and invoices.issued_on > {{ add_periods('moved.moved_on', -1 * var('deferral_days'), 'day') }}
    left join payments
        on payments.movement_id = moved.payment_id
        and payments.began_on > {{ add_periods('moved.moved_on', -1 * var('deferral_days'), 'day') }}
    left join given_back on given_back.movement_id = moved.movement_id and moved.movement = 'refund'
    left join {{ ref('int_finance__exchange_rates') }} as rates
        on rates.currency = moved.currency
        and rates.valid_from = moved.moved_on

)

select * from final
