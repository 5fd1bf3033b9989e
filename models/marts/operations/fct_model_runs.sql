{{ config(day='logical_on', reads={'stg_nightshift__run_nodes': 'day'}) }}
select
    run_id,
    name as model,
    kind,
    domain,
    logical_on,
    status,
    seconds,
    started_at,
    thread,
    rows_written,
    days_written,
    message
from {{ ref('stg_nightshift__run_nodes') }}
where
    kind in ('model', 'seed', 'snapshot')
    and {{ stale_days('logical_on') }}
