select
    play_id,
    account_id,
    track_id,
    started_at,
    sent_at,
    received_at,
    ms_played,
    country,
    device_id,
    network_prefix,
    app_version,
    context,
    context_id,
    is_offline,
    audio_quality,
    _event_at as played_at,
    _event_on as played_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('playback', 'plays') }}
where {{ broken_rule('playback', 'plays') }} is null
