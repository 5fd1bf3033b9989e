select
    contract_id,
    licensor_id,
    territory,
    plan_code,
    revenue_share,
    minimum_per_subscriber,
    minimum_currency,
    allocation_method,
    trial_streams_count,
    silent_subscribers,
    valid_from,
    valid_to,
    created_at,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('catalog', 'contracts') }}
where {{ broken_rule('catalog', 'contracts') }} is null
