{{ config(materialized='view') }}
-- What the bank booked, gift cards, the money of the free plan, royalty statements.
select
    {{ finance_event('event', 'bank.statements', key='booking_id', day='value_on',
        document='coalesce(payout_id, reference)', kind='bank_account', exchange_rate='exchange_rate',
        total_amount='amount') }}
from {{ ref('int_finance__bank_bookings') }}
union all
select
    {{ finance_event("'exchange_on_payout'", 'bank.statements', key='booking_id', day='value_on', document='payout_id',
        exchange_rate='exchange_rate', exchange_amount='exchange_amount') }}
from {{ ref('int_finance__bank_bookings') }}
where event = 'payout_received' and exchange_amount <> 0
union all
select
    {{ finance_event("concat('gift_card_', event)", 'billing.gift_cards', key='event_id', day='occurred_on',
        document='gift_card_id', account_id='account_id', country='country', total_amount='amount') }}
from {{ ref('fct_gift_card_events') }}
union all
select
    {{ finance_event("'advertising_earned'", 'billing.ad_revenue', key='country', day='revenue_on',
        plan_code='plan_code', country='country', exchange_rate='exchange_rate', total_amount='amount',
        net_amount='amount') }}
from {{ ref('int_finance__advertising') }}
union all
select
    {{ finance_event("'advertising_converted'", 'billing.ad_revenue', key='country', day='revenue_on',
        plan_code='plan_code', country='country', currency=reporting_currency(), total_amount='reporting_amount') }}
from {{ ref('int_finance__advertising') }}
where currency <> {{ reporting_currency() }}
union all
select
    {{ finance_event("'royalty_statement'", 'nightshift.statements', key="concat(statement_id, '/', line_kind)",
        day='issued_on', document='statement_id', kind='line_kind', currency='statement_currency',
        total_amount='statement_amount') }}
from {{ ref('int_finance__statement_totals') }}
