{{ config(materialized='whole') }}
-- Why: the two tracks of the listener's history that say most for it, by the model's own item-to-item weights.
with weighed as (

    select
        lists.account_id,
        lists.rank,
        histories.track_id as because_of,
        row_number() over (
            partition by lists.account_id, lists.rank
            order by near.weight * ln(1 + histories.streams) desc, histories.track_id
        ) as strongest_first
    from {{ ref('int_discovery__lists') }} as lists
    inner join {{ ref('int_discovery__similar_tracks') }} as near
        on near.similar_item = lists.track_id
        and near.item <> lists.track_id
    inner join {{ ref('int_discovery__histories') }} as histories
        on histories.account_id = lists.account_id
        and histories.track_id = near.item
    where lists.choice = 1

)

select
    weighed.account_id,
    weighed.rank,
    string_agg(weighed.because_of, '|' order by weighed.strongest_first) as reason_track_ids,
    string_agg(tracks.title, ' and ' order by weighed.strongest_first) as titles
from weighed
inner join {{ ref('dim_track') }} as tracks on tracks.track_id = weighed.because_of
where weighed.strongest_first <= 2
group by weighed.account_id, weighed.rank
