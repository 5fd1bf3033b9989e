select
    event_id,
    subscription_id,
    account_id,
    event,
    plan_code,
    previous_plan_code,
    reason,
    country,
    currency,
    occurred_at,
    _event_on as occurred_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('billing', 'subscription_events') }}
where {{ broken_rule('billing', 'subscription_events') }} is null
