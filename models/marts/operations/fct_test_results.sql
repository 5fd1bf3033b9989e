{{ config(day='logical_on', reads={'stg_nightshift__run_nodes': 'day'}) }}
select
    run_id,
    node,
    name as test,
    kind,
    about as model,
    domain,
    logical_on,
    status,
    failures,
    seconds,
    started_at,
    message
from {{ ref('stg_nightshift__run_nodes') }}
where
    kind in ('test', 'unit_test')
    and {{ stale_days('logical_on') }}
