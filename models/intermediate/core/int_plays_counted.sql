{{ config(materialized='view') }}
-- The one definition of a stream: at least so long, and not judged artificial.
select
    plays.play_id,
    plays.account_id,
    plays.track_id,
    plays.played_at,
    plays.played_on,
    plays.ms_played,
    plays.country,
    plays.context,
    plays.context_id,
    artificial.play_id is not null as is_artificial,
    plays.ms_played >= {{ var('stream_ms') }} and artificial.play_id is null as is_stream
from {{ ref('fct_plays') }} as plays
left join {{ ref('artificial_plays') }} as artificial
    on artificial.played_on = plays.played_on and artificial.play_id = plays.play_id
