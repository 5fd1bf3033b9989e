{{ config(materialized='whole') }}
-- Days in mid-month on which the splits of a track change: only its streams must be counted by day. A repaired share
-- moves no such day, so months gone by are not counted again for it.
with edges as (

    select recording_id, valid_from as edge
    from {{ ref('int_royalties__split_spans') }}
    union
    select recording_id, valid_to as edge
    from {{ ref('int_royalties__split_spans') }}
    where valid_to is not null

),

spans as (

    select
        recording_id,
        edge as as_of_on,
        {{ add_periods(period('edge', 'month'), 1, 'month') }} as next_month,
        lead(edge) over (partition by recording_id order by edge) as next_edge
    from edges

)

select
    recordings.track_id,
    spans.as_of_on,
    spans.as_of_on as valid_from,
    least(coalesce(spans.next_edge, spans.next_month), spans.next_month) as valid_to
from spans
inner join {{ ref('int_royalties__recordings') }} as recordings on recordings.recording_id = spans.recording_id
where spans.as_of_on <> {{ period('spans.as_of_on', 'month') }}
