select
    _event_on as revenue_on,
    country,
    plan_code,
    impressions,
    amount,
    currency,
    is_final,
    updated_at,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('billing', 'ad_revenue') }}
where {{ broken_rule('billing', 'ad_revenue') }} is null
