{{ config(materialized='whole') }}
-- Why: the two tracks of the listener's history that say most for it, by the model's own item-to-item weights.
with listed as (

    -- listener and track as one number: the join asks for it many times
    select listener_no, rank, cast(listener_no as bigint) * 4294967296 + track_no as pair_no
    from {{ ref('int_discovery__lists') }}
    where choice = 1

),

played as (

    select listener_no, track_no, ln(1 + streams) as strength
    from {{ ref('int_discovery__histories') }}

),

speaking as (

    select
        cast(played.listener_no as bigint) * 4294967296 + near.similar_no as pair_no,
        played.track_no,
        near.weight,
        played.strength
    from played
    inner join {{ ref('int_discovery__similar_tracks') }} as near on near.track_no = played.track_no
    where near.similar_no <> near.track_no

),

weighed as (

    select
        listed.listener_no,
        listed.rank,
        speaking.track_no,
        row_number() over (
            partition by listed.listener_no, listed.rank
            order by speaking.weight * speaking.strength desc, speaking.track_no
        ) as strongest_first
    from speaking
    inner join listed on listed.pair_no = speaking.pair_no

)

select
    listener_no,
    rank,
    max(case when strongest_first = 1 then track_no end) as first_no,
    max(case when strongest_first = 2 then track_no end) as second_no
from weighed
where strongest_first <= 2
group by listener_no, rank
