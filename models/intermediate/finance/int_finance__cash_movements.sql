{{ config(day='moved_on', reads={'fct_payments': var('deferral_days'), 'fct_refunds': var('deferral_days'), 'fct_chargebacks': var('deferral_days'),
    'int_finance__invoiced_lines': var('deferral_days'), 'int_finance__exchange_rates': 'sliced'}) }}
with moved as (

    select
        payment_id as movement_id, 'payment' as movement, payment_id, invoice_id, gift_card_id, account_id, method,
        amount, currency, cast(updated_at as date) as moved_on, attempted_on as began_on
    from {{ ref('fct_payments') }}
    where {{ stale_days('attempted_on', lookback=var('deferral_days')) }} and result = 'succeeded'
    union all
    select
        refund_id as movement_id, 'refund' as movement, payment_id, invoice_id, null as gift_card_id, account_id, null as method,
        -amount as amount, currency, cast(updated_at as date) as moved_on, requested_on as began_on
    from {{ ref('fct_refunds') }}
    where {{ stale_days('requested_on', lookback=var('deferral_days')) }} and state = 'succeeded'
    union all
    select
        chargeback_id as movement_id, 'chargeback' as movement, payment_id, null as invoice_id, null as gift_card_id, account_id, null as method,
        -amount as amount, currency, opened_on as moved_on, opened_on as began_on
    from {{ ref('fct_chargebacks') }}
    where {{ stale_days('opened_on', lookback=var('deferral_days')) }}
    union all
    select
        chargeback_id as movement_id, 'chargeback_reversal' as movement, payment_id, null as invoice_id, null as gift_card_id, account_id, null as method,
        amount, currency, cast(updated_at as date) as moved_on, opened_on as began_on
    from {{ ref('fct_chargebacks') }}
    where {{ stale_days('opened_on', lookback=var('deferral_days')) }} and state = 'won'

),

invoices as (

    select invoice_id, min(country) as country, min(currency) as currency, min(exchange_rate) as exchange_rate, min(issued_on) as issued_on
    from {{ ref('int_finance__invoiced_lines') }}
    where {{ stale_days('issued_on', lookback=var('deferral_days')) }}
    group by invoice_id

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
        coalesce(invoices.currency = moved.currency, false) as is_of_known_invoice,
        {{ in_reporting_currency('moved.amount', rate_of('moved.currency', 'rates')) }} - {{ in_reporting_currency('moved.amount', 'invoices.exchange_rate') }} as exchange_amount,
        moved.moved_on
    from moved
    left join invoices
        on invoices.invoice_id = moved.invoice_id
        and invoices.issued_on <= moved.moved_on
        and invoices.issued_on > {{ add_periods('moved.moved_on', -1 * var('deferral_days'), 'day') }}
    left join {{ ref('int_finance__exchange_rates') }} as rates
        on rates.currency = moved.currency
        and rates.valid_from = moved.moved_on
    where moved.moved_on >= moved.began_on and moved.moved_on < {{ add_periods('moved.began_on', var('deferral_days'), 'day') }}

)

select * from final
