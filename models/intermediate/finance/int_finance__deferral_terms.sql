{{ config(materialized='view') }}
select
    invoice_line_id,
    'invoice_line' as term,
    invoice_id,
    account_id,
    subscription_id,
    plan_code,
    country,
    currency,
    exchange_rate,
    net_amount as deferred_amount,
    cast(0 as decimal(18, 2)) as taken_back_amount,
    false as ends_service,
    service_from,
    service_to,
    issued_on as counts_from
from {{ ref('int_finance__invoiced_lines') }}
union all
select
    invoice_line_id,
    taken_by as term,
    invoice_id,
    account_id,
    subscription_id,
    plan_code,
    country,
    currency,
    exchange_rate,
    case when takes_all_that_is_left then 0 else -deferred_amount end as deferred_amount,
    case when taken_by = 'credit_note' then deferred_amount - net_amount else 0 end as taken_back_amount,
    takes_all_that_is_left as ends_service,
    rest_from as service_from,
    service_to,
    credited_on as counts_from
from {{ ref('int_finance__credits') }}
