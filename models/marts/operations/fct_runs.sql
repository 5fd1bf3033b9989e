{{ config(materialized='view') }}
select
    run_id,
    logical_on,
    started_at,
    finished_at,
    seconds,
    peak_memory_bytes,
    outcome,
    exit_code,
    rows_landed,
    rows_quarantined as rows_refused,
    days_built,
    published_run,
    version as project_version
from {{ ref('stg_nightshift__runs') }}
where step = 'night'
