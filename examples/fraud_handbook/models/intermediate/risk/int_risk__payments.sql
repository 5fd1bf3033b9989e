{{ config(day='paid_on', reads={'stg_cards__transactions': 'day'}) }}
select
    payment_id,
    account_id,
    cast(null as varchar) as card_id,
    cast(null as varchar) as device_id,
    terminal_id,
    cast(null as varchar) as country,
    cast(null as varchar) as card_country,
    1 as attempt,
    'EUR' as currency,
    amount,
    false as is_declined,
    paid_at,
    paid_on,
    paid_at as knowable_at,
    paid_on as arrived_on
from {{ ref('stg_cards__transactions') }}
where {{ stale_days('paid_on') }}
