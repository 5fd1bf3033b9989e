select
    subscription_id,
    account_id,
    plan_code,
    state,
    country,
    currency,
    discount_code,
    started_at,
    trial_ends_at,
    period_from,
    period_to,
    ended_at,
    end_reason,
    updated_at,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('billing', 'subscriptions') }}
where {{ broken_rule('billing', 'subscriptions') }} is null
