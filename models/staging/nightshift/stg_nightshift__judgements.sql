select
    play_id,
    judged_on,
    _event_on as played_on,
    verdict,
    reason,
    rule_version,
    appeal_id,
    account_id,
    track_id,
    evidence_json,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('nightshift', 'judgements') }}
where {{ broken_rule('nightshift', 'judgements') }} is null
