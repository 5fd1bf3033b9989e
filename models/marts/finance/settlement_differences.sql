{{ config(materialized='whole') }}
-- Line by line: what the processor settled against what we booked; only what differs is here, with its reason.
with settled as (

    select
        *,
        count(*) over (partition by kind, movement_id) as times
    from {{ ref('int_finance__settled') }}

),

movements as (

    select movement, movement_id, amount, currency, moved_on
    from {{ ref('int_finance__cash_movements') }}
    where method is distinct from 'gift_card'

),

newest as (

    select max(settled_on) as settled_on from settled

),

differences as (

    select
        settlement_id,
        kind as movement,
        movement_id,
        currency,
        booked_amount,
        gross_amount,
        settled_on as day,
        case
            when kind = 'adjustment' then 'correction by the processor'
            when not is_known then 'settled, but not known to billing'
            when times > 1 then 'settled more than once'
            else 'another amount than booked'
        end as reason
    from settled
    where
        kind = 'adjustment'
        or (kind <> 'declined_fee' and (not is_known or times > 1 or booked_amount <> gross_amount))
    union all
    select
        cast(null as {{ dbt.type_string() }}) as settlement_id,
        movements.movement,
        movements.movement_id,
        movements.currency,
        movements.amount as booked_amount,
        cast(null as decimal(18, 2)) as gross_amount,
        movements.moved_on as day,
        case
            when movements.moved_on > {{ add_periods('newest.settled_on', -5, 'day') }} then 'not settled yet'
            else 'not settled after five days'
        end as reason
    from movements
    left join settled on settled.movement_id = movements.movement_id and settled.kind = movements.movement
    cross join newest
    where settled.settlement_id is null

)

select
    concat(movement, '/', coalesce(movement_id, ''), '/', coalesce(settlement_id, '')) as difference_id,
    settlement_id,
    movement,
    movement_id,
    currency,
    booked_amount,
    gross_amount,
    day,
    reason
from differences
