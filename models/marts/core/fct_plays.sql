{{ config(day='played_on', reads={'stg_playback__plays': 'day'}) }}
-- A device may send a play again: all copies carry its play_id. The copy received first counts, so that a copy that
-- comes later changes nothing.
with copies as (

    select
        *,
        row_number() over (
            partition by played_on, play_id
            order by received_at, ms_played desc, _arrived_on, _dump_id, _source_line
        ) as copy_number
    from {{ ref('stg_playback__plays') }}
    where {{ stale_days('played_on') }}

)

select
    play_id,
    account_id,
    track_id,
    played_at,
    played_on,
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
    _dump_id
from copies
where copy_number = 1
