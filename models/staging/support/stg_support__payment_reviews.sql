select
    review_id,
    payment_id,
    verdict,
    reviewed_by,
    reviewed_at,
    _event_on as reviewed_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('support', 'payment_reviews') }}
where {{ broken_rule('support', 'payment_reviews') }} is null
