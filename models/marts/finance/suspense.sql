{{ config(materialized='whole') }}
-- Money whose meaning is not known. An item leaves when its cause does: its entry is reversed and posted as it should.
select
    account_code,
    source_table,
    source_key,
    currency,
    min(occurred_on) as occurred_on,
    min(posted_from) as posted_from,
    min(description) as reason,
    cast(sum(amount) as decimal(18, 2)) as amount,
    cast(sum(reporting_amount) as decimal(18, 2)) as reporting_amount
from {{ ref('int_finance__suspense_moves') }}
group by account_code, source_table, source_key, currency
having sum(amount) <> 0 or sum(reporting_amount) <> 0
