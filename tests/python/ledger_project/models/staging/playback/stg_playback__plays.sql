select
    play_id,
    account_id,
    track_id,
    ms_played,
    _event_on as played_on,
    _dump_id,
    _source_line
from {{ source('playback', 'plays') }}
