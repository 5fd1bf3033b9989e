{{ config(materialized='view') }}
-- What the processor settled. A settlement in another currency passes through the conversion account.
select
    {{ finance_event("case when currency = settlement_currency then 'settlement' else 'settlement_converted' end",
        'processor.settlements', key='settlement_id', day='settled_on', document='payout_id', kind='kind',
        account_id='account_id', country='country', exchange_rate='exchange_rate',
        total_amount='gross_amount', net_amount='net_amount', fee_amount='fee_amount') }}
from {{ ref('int_finance__settled') }}
union all
select
    {{ finance_event("'settlement_conversion'", 'processor.settlements', key='settlement_id', day='settled_on',
        document='payout_id', kind='kind', account_id='account_id', country='country', currency='settlement_currency',
        exchange_rate='settlement_exchange_rate', net_amount='settled_net_amount') }}
from {{ ref('int_finance__settled') }}
where currency <> settlement_currency
union all
select
    {{ finance_event("'exchange_on_conversion'", 'processor.settlements', key='settlement_id', day='settled_on',
        document='payout_id', account_id='account_id', country='country', exchange_rate='exchange_rate',
        exchange_amount='conversion_amount') }}
from {{ ref('int_finance__settled') }}
where currency <> settlement_currency and conversion_amount <> 0
union all
select
    {{ finance_event("'exchange_on_settlement'", 'processor.settlements', key='settlement_id', day='settled_on',
        document='payout_id', account_id='account_id', country='country', exchange_rate='exchange_rate',
        exchange_amount='exchange_amount') }}
from {{ ref('int_finance__settled') }}
where is_known and exchange_amount <> 0
union all
select
    {{ finance_event("'processor_correction'", 'processor.settlements', key='settlement_id', day='settled_on',
        document='payout_id', exchange_rate='exchange_rate', total_amount='gross_amount') }}
from {{ ref('int_finance__settled') }}
where kind = 'adjustment'
