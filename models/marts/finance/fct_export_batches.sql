{{ config(materialized='whole') }}
select
    batch_id,
    min(posted_on) as posted_from,
    max(posted_on) as posted_to,
    min(_arrived_on) as committed_on,
    max(prepared_by) as prepared_by,
    max(approved_by) as approved_by,
    cast(count(distinct journal_entry_id) as bigint) as entries,
    cast(count(*) as bigint) as lines,
    min(reporting_currency) as reporting_currency,
    cast(sum(reporting_debit_amount) as decimal(18, 2)) as reporting_debit_amount,
    cast(sum(reporting_credit_amount) as decimal(18, 2)) as reporting_credit_amount
from {{ ref('stg_nightshift__journal_batches') }}
group by batch_id
