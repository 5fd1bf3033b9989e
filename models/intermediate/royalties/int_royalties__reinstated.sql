{{ config(day='royalty_month', unit='month',
    reads={
        'stg_nightshift__judgements': 'day', 'int_royalties__recordings': 'sliced',
        'int_royalties__closed_months': 'whole'
    }) }}
-- What is judged on the day of a closing lands the day after, so the closing did not see it.
select
    {{ period('judgements.played_on', 'month') }} as royalty_month,
    recordings.recording_id,
    count(*) as plays
from {{ ref('stg_nightshift__judgements') }} as judgements
inner join {{ ref('int_royalties__recordings') }} as recordings on recordings.track_id = judgements.track_id
where
    {{ stale_days('judgements.played_on') }}
    and judgements.verdict = 'reinstated'
    and judgements.judged_on >= (
        select max(closings.closed_on) from {{ ref('int_royalties__closed_months') }} as closings
    )
group by {{ period('judgements.played_on', 'month') }}, recordings.recording_id
