{{ config(materialized='whole') }}
-- A track played often is known: it stays in the history that speaks for others, and is not recommended itself.
select
    listening.account_id,
    listening.track_id,
    cast(sum(listening.streams) as bigint) as streams,
    sum(listening.streams) >= {{ var('known_streams') }} as is_known
from {{ ref('int_discovery__listening') }} as listening
inner join {{ ref('int_discovery__due_listeners') }} as due on due.account_id = listening.account_id
group by listening.account_id, listening.track_id
