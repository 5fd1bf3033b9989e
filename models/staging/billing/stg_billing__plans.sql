select
    plan_code,
    name,
    billing_period,
    seats,
    has_ads,
    trial_days,
    created_at,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('billing', 'plans') }}
where {{ broken_rule('billing', 'plans') }} is null
