{{ config(materialized='whole') }}
-- A track played often is known: it stays in the history that speaks for others, and is not recommended itself.
select
    due.listener_no,
    tracks.track_no,
    cast(sum(listening.streams) as bigint) as streams,
    sum(listening.streams) >= {{ var('known_streams') }} as is_known
from {{ ref('int_discovery__listening') }} as listening
inner join {{ ref('int_discovery__due_listeners') }} as due on due.account_id = listening.account_id
inner join {{ ref('int_discovery__tracks') }} as tracks on tracks.track_id = listening.track_id
group by due.listener_no, tracks.track_no
