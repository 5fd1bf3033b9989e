{{ config(materialized='whole') }}
-- Each payout of the processor beside its booking at the bank.
with payouts as (

    select
        settled.payout_id,
        settled.settlement_currency as currency,
        min(settled.settled_on) as settled_from,
        max(settled.settled_on) as settled_to,
        count(*) as settlements,
        sum(settled.settled_net_amount) as settled_net_amount
    from {{ ref('int_finance__settled') }} as settled
    group by settled.payout_id, settled.settlement_currency

),

booked as (

    select payout_id, currency, min(value_on) as value_on, sum(amount) as booked_amount
    from {{ ref('int_finance__bank_bookings') }}
    where payout_id is not null
    group by payout_id, currency

),

newest as (

    select max(value_on) as statement_on from {{ ref('int_finance__bank_bookings') }}

),

compared as (

    select
        coalesce(payouts.payout_id, booked.payout_id) as payout_id,
        coalesce(payouts.currency, booked.currency) as currency,
        payouts.settled_from,
        payouts.settled_to,
        booked.value_on,
        cast(coalesce(payouts.settlements, 0) as bigint) as settlements,
        cast(coalesce(payouts.settled_net_amount, 0) as decimal(18, 2)) as settled_net_amount,
        cast(coalesce(booked.booked_amount, 0) as decimal(18, 2)) as booked_amount,
        payouts.payout_id is null as is_unknown,
        booked.payout_id is null as is_not_booked,
        payouts.settled_to >= {{ add_periods('newest.statement_on', -5, 'day') }} as is_recent
    from payouts
    full outer join booked on booked.payout_id = payouts.payout_id and booked.currency = payouts.currency
    cross join newest

)

select
    payout_id,
    currency,
    settled_from,
    settled_to,
    value_on,
    settlements,
    settled_net_amount,
    booked_amount,
    cast(booked_amount - settled_net_amount as decimal(18, 2)) as difference,
    case
        when is_unknown then 'the bank booked a payout that the processor does not report'
        when is_not_booked and is_recent then 'on its way'
        when is_not_booked then 'not at the bank after five days'
        when booked_amount < settled_net_amount then 'the bank booked less'
        when booked_amount > settled_net_amount then 'the bank booked more'
        else 'agrees'
    end as reason
from compared
