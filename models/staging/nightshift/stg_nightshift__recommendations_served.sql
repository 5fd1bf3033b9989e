select
    recommendation_id,
    _event_on as served_on,
    account_id,
    rank,
    item_kind,
    item_id,
    score,
    reason_kind,
    reason_ids,
    reason_text,
    model_version,
    is_holdout,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('nightshift', 'recommendations_served') }}
where {{ broken_rule('nightshift', 'recommendations_served') }} is null
