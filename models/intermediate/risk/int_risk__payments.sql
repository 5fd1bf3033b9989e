{{ config(day='paid_on', reads={'stg_billing__payments': 'day', 'dim_exchange_rate': 'sliced'}) }}
-- A payment as it was when it was made: its first version. What became of it later must not reach its features.
with versions as (

    select
        *,
        row_number() over (
            partition by attempted_on, payment_id
            order by updated_at, _arrived_on, _dump_id, _source_line
        ) as version_number,
        min(_arrived_on) over (partition by attempted_on, payment_id) as first_arrived_on
    from {{ ref('stg_billing__payments') }}
    where {{ stale_days('attempted_on') }}

)

select
    payments.payment_id,
    payments.account_id,
    payments.card_id,
    payments.device_id,
    payments.terminal_id,
    payments.network_country as country,
    payments.card_country,
    payments.attempt,
    payments.currency,
    -- null for a currency without a rate: such a payment is scored without its amount
    cast(round(cast(payments.amount as double) / cast(rates.units_per_euro as double), 2) as decimal(18, 2)) as amount,
    payments.result = 'declined' as is_declined,
    payments.attempted_at as paid_at,
    payments.attempted_on as paid_on,
    greatest(payments.attempted_at, cast(payments.first_arrived_on as timestamp)) as knowable_at,
    payments.first_arrived_on as arrived_on
from versions as payments
left join {{ ref('dim_exchange_rate') }} as rates
    on rates.currency = payments.currency
    and {{ valid_on('rates', 'payments.attempted_on') }}
where payments.version_number = 1
