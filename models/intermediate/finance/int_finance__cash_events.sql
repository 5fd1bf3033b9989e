{{ config(materialized='view') }}
-- Payments, refunds, chargebacks, what became of the exchange rate between an invoice and its payment, and what goes to
-- suspense: money that moved, but does not go with what billing says it is about.
select
    {{ finance_event(
        "case when invoice_id is null then 'gift_card_paid' else 'payment_received' end", 'billing.payments',
        key='movement_id', day='moved_on', document='coalesce(invoice_id, gift_card_id)', kind='method',
        account_id='account_id', country='country', exchange_rate='exchange_rate', total_amount='amount') }}
from {{ ref('int_finance__cash_movements') }}
where movement = 'payment' and problem is null
union all
select
    {{ finance_event("'refund_paid'", 'billing.refunds', key='movement_id', day='moved_on', document='invoice_id',
        account_id='account_id', country='country', exchange_rate='exchange_rate', total_amount='-amount') }}
from {{ ref('int_finance__cash_movements') }}
where movement = 'refund' and problem is null
union all
select
    {{ finance_event(
        "case movement when 'chargeback' then 'chargeback_opened' else 'chargeback_won' end", 'billing.chargebacks',
        key='movement_id', day='moved_on', document='payment_id', account_id='account_id',
        exchange_rate='exchange_rate', total_amount="case movement when 'chargeback' then -amount else amount end") }}
from {{ ref('int_finance__cash_movements') }}
where movement in ('chargeback', 'chargeback_reversal') and problem is null
{%- for movement, table in [('payment', 'payments'), ('refund', 'refunds')] %}
    union all
    select
        {{ finance_event("'exchange_on_" ~ movement ~ "'", 'billing.' ~ table, key='movement_id', day='moved_on',
            document='invoice_id', account_id='account_id', country='country', exchange_rate='exchange_rate',
            exchange_amount='exchange_amount') }}
    from {{ ref('int_finance__cash_movements') }}
    where movement = '{{ movement }}' and invoice_id is not null and problem is null and exchange_amount <> 0
{%- endfor %}
{%- for movement, table in [
    ('payment', 'payments'), ('refund', 'refunds'), ('chargeback', 'chargebacks'),
    ('chargeback_reversal', 'chargebacks'),
] %}
    union all
    select
        {{ finance_event("'" ~ movement ~ "_in_suspense'", 'billing.' ~ table, key='movement_id', day='moved_on',
            document="concat(movement_id, ': ', problem)", kind='method', account_id='account_id',
            exchange_rate='exchange_rate', total_amount='amount') }}
    from {{ ref('int_finance__cash_movements') }}
    where movement = '{{ movement }}' and problem is not null
{%- endfor %}
