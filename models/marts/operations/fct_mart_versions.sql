{{ config(day='logical_on', reads={'stg_nightshift__mart_versions': 'day'}) }}
select
    run_id,
    mart,
    domain,
    logical_on,
    published_run,
    changed_run,
    content_hash,
    row_count,
    bytes,
    is_changed,
    late_since is not null as is_late,
    late_since
from {{ ref('stg_nightshift__mart_versions') }}
where {{ stale_days('logical_on') }}
