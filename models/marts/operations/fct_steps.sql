{{ config(materialized='view') }}
select
    run_id,
    step,
    logical_on,
    started_at,
    finished_at,
    seconds,
    peak_memory_bytes,
    outcome,
    exit_code
from {{ ref('stg_nightshift__runs') }}
where step <> 'night'
