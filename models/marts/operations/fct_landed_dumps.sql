{{ config(materialized='view') }}
select
    backend,
    table_name,
    dump_id,
    arrived_on,
    covers_on,
    slot,
    kind,
    row_count
from {{ source('ops', 'visible_dumps') }}
where kind <> 'commitment'
