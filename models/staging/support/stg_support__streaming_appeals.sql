select
    appeal_id,
    artist_id,
    track_id,
    account_id,
    plays_from,
    plays_to,
    verdict,
    decided_by,
    decided_at,
    _event_on as decided_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('support', 'streaming_appeals') }}
where {{ broken_rule('support', 'streaming_appeals') }} is null
