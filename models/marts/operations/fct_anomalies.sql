{{ config(materialized='whole') }}
select
    backend,
    table_name,
    night as arrived_on,
    dump_id,
    measure,
    severity,
    found,
    expected,
    sentence
from {{ source('ops', 'anomalies') }}
where night <= (select max(horizon.on_date) from {{ source('ops', 'horizon') }} as horizon)
