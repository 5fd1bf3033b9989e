select
    override_id,
    action,
    article_id,
    other_article_id,
    country,
    expires_at,
    decided_by,
    decided_at,
    _event_on as decided_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('editorial', 'headline_overrides') }}
where {{ broken_rule('editorial', 'headline_overrides') }} is null
