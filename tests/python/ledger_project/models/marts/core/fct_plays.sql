{{ config(day='played_on', reads={'stg_playback__plays': 'day'}) }}
with copies as (

    select
        play_id,
        account_id,
        track_id,
        ms_played,
        played_on,
        _dump_id,
        row_number() over (partition by play_id order by ms_played, _dump_id, _source_line) as copy_number
    from {{ ref('stg_playback__plays') }}
    where {{ stale_days('played_on') }}

)

select play_id, account_id, track_id, ms_played, played_on, _dump_id
from copies
where copy_number = 1
