select
    _event_on as royalty_month,
    territory,
    plan_code,
    licensor_id,
    currency,
    recording_id,
    release_id,
    isrc,
    title,
    artist_name,
    duration_ms,
    streams,
    amount,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('nightshift', 'royalty_usage') }}
where {{ broken_rule('nightshift', 'royalty_usage') }} is null
