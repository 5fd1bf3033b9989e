{{ config(day='value_on', reads={
    'stg_bank__statements': 'day',
    'int_finance__settled': 60,
    'int_finance__exchange_rates': 'sliced',
    'bank_counterparties': 'whole'}) }}
-- What the bank booked, what for (seeds/bank_counterparties.csv), and for a payout what the processor says is in it.
with bookings as (

    {{ newest_copies(ref('stg_bank__statements'), day='value_on', key='booking_id') }}

),

with_payout as (

    select
        bookings.*,
        counterparties.event,
        nullif(regexp_extract(bookings.reference, '(po-[0-9]{8}-[A-Z]{3})', 1), '') as payout_id
    from bookings
    left join {{ ref('bank_counterparties') }} as counterparties on counterparties.counterparty = bookings.counterparty

),

payouts as (

    select
        bookings.booking_id,
        count(*) as settlements,
        sum(settled.settled_net_amount) as settled_net_amount,
        sum(settled.reporting_net_amount) as reporting_net_amount
    from with_payout as bookings
    inner join {{ ref('int_finance__settled') }} as settled
        on settled.payout_id = bookings.payout_id
        and settled.settlement_currency = bookings.currency
        and settled.settled_on <= bookings.value_on
        and settled.settled_on > {{ add_periods('bookings.value_on', -60, 'day') }}
    where {{ stale_days('settled.settled_on', lookback=60) }}
    group by bookings.booking_id

),

final as (

    select
        bookings.booking_id,
        bookings.bank_account,
        bookings.counterparty,
        bookings.reference,
        bookings.payout_id,
        case
            when bookings.event is null then 'bank_unknown'
            when bookings.event = 'payout_received' and payouts.booking_id is null then 'bank_unknown'
            else bookings.event
        end as event,
        bookings.amount,
        bookings.currency,
        cast({{ rate_of('bookings.currency', 'rates') }} as decimal(18, 8)) as exchange_rate,
        payouts.settlements,
        cast(payouts.settled_net_amount as decimal(18, 2)) as settled_net_amount,
        cast(
            {{ in_reporting_currency('payouts.settled_net_amount', rate_of('bookings.currency', 'rates')) }}
            - payouts.reporting_net_amount as decimal(18, 2)
        ) as exchange_amount,
        bookings.value_on
    from with_payout as bookings
    left join payouts on payouts.booking_id = bookings.booking_id
    left join {{ ref('int_finance__exchange_rates') }} as rates
        on rates.currency = bookings.currency
        and rates.valid_from = bookings.value_on

)

select * from final
