select
    payment_id,
    model_version,
    model,
    account_id,
    score,
    band,
    reasons_json,
    features_json,
    decided_at,
    _event_on as decided_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('nightshift', 'decisions') }}
where {{ broken_rule('nightshift', 'decisions') }} is null
