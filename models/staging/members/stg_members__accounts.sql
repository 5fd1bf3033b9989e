select
    account_id,
    created_at,
    updated_at,
    country,
    time_zone,
    language,
    birth_year_band,
    acquisition_channel,
    status,
    closed_at,
    explicit_content,
    email_hash,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('members', 'accounts') }}
where {{ broken_rule('members', 'accounts') }} is null
