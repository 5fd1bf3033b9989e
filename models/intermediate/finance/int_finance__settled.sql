{{ config(day='settled_on', reads={
    'fct_settlements': 'day',
    'int_finance__cash_movements': var('deferral_days'),
    'int_finance__exchange_rates': 'sliced'}) }}
-- Each line of the settlement report beside the movement of ours that it settles.
with settlements as (

    select
        settlements.*,
        case
            when settlements.kind in ('refund', 'chargeback', 'chargeback_reversal') then settlements.reference_id
            else settlements.payment_id
        end as movement_id,
        cast(settlements.gross_amount - settlements.fee_amount as decimal(18, 2)) as net_amount,
        cast({{ rate_of('settlements.currency', 'rates') }} as decimal(18, 8)) as own_rate,
        cast({{ rate_of('settlements.settlement_currency', 'settled_rates') }} as decimal(18, 8)) as settled_rate
    from {{ ref('fct_settlements') }} as settlements
    left join {{ ref('int_finance__exchange_rates') }} as rates
        on rates.currency = settlements.currency
        and rates.valid_from = settlements.settled_on
    left join {{ ref('int_finance__exchange_rates') }} as settled_rates
        on settled_rates.currency = settlements.settlement_currency
        and settled_rates.valid_from = settlements.settled_on
    where {{ stale_days('settlements.settled_on') }}

),

movements as (

    select movement, movement_id, account_id, country, currency, amount, exchange_rate, moved_on
    from {{ ref('int_finance__cash_movements') }}
    where {{ stale_days('moved_on', lookback=var('deferral_days')) }} and method is distinct from 'gift_card'

),

final as (

    select
        settlements.settlement_id,
        settlements.payout_id,
        settlements.kind,
        settlements.movement_id,
        movements.movement_id is not null as is_known,
        movements.account_id,
        movements.country,
        settlements.currency,
        settlements.gross_amount,
        settlements.fee_amount,
        settlements.net_amount,
        settlements.settlement_currency,
        settlements.settled_net_amount,
        movements.amount as booked_amount,
        movements.moved_on as booked_on,
        settlements.own_rate as exchange_rate,
        settlements.settled_rate as settlement_exchange_rate,
        {{ in_reporting_currency('settlements.settled_net_amount', 'settlements.settled_rate') }}
            as reporting_net_amount,
        cast(
            {{ in_reporting_currency('settlements.settled_net_amount', 'settlements.settled_rate') }}
            - {{ in_reporting_currency('settlements.net_amount', 'settlements.own_rate') }} as decimal(18, 2)
        ) as conversion_amount,
        cast(
            {{ in_reporting_currency('settlements.gross_amount', 'settlements.own_rate') }}
            - {{ in_reporting_currency('settlements.gross_amount', 'movements.exchange_rate') }} as decimal(18, 2)
        ) as exchange_amount,
        settlements.settled_on
    from settlements
    left join movements
        on movements.movement_id = settlements.movement_id
        and movements.movement = settlements.kind
        and movements.currency = settlements.currency
        and movements.moved_on <= settlements.settled_on
        and movements.moved_on > {{ add_periods('settlements.settled_on', -1 * var('deferral_days'), 'day') }}

)

select * from final
