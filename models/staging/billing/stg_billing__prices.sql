select
    plan_code,
    country,
    valid_from,
    valid_to,
    currency,
    amount,
    tax_mode,
    tax_rate,
    created_at,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('billing', 'prices') }}
where {{ broken_rule('billing', 'prices') }} is null
