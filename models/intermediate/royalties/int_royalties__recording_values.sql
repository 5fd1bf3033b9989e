{{ config(day='royalty_month', unit='month',
    reads={
        'int_royalties__daily_streams': 'day', 'int_royalties__subscribers': 'day',
        'int_royalties__recordings': 'sliced', 'int_royalties__catalogue': 'day', 'int_royalties__split_cuts': 'sliced'
    }) }}
-- What a recording's streams are worth under both methods: their number, and the money of those who heard them, each
-- subscriber's spread over her own streams. A track the catalogue does not have yet counts as a stream of nobody.
with tracks as (

    select
        catalogue.royalty_month,
        recordings.track_id,
        catalogue.recording_number
    from {{ ref('int_royalties__recordings') }} as recordings
    inner join {{ ref('int_royalties__catalogue') }} as catalogue
        on catalogue.recording_id = recordings.recording_id
        and catalogue.licensor_id = recordings.licensor_id
        and recordings.valid_from < {{ add_periods('catalogue.royalty_month', 1, 'month') }}
    where {{ stale_days('catalogue.royalty_month') }}

),

months as (

    select distinct royalty_month from tracks

),

cuts as (

    select cuts.*
    from {{ ref('int_royalties__split_cuts') }} as cuts
    inner join months on months.royalty_month = {{ period('cuts.as_of_on', 'month') }}

)

select
    subscribers.royalty_month,
    subscribers.audience_number,
    tracks.recording_number,
    coalesce(cuts.as_of_on, subscribers.royalty_month) as as_of_on,
    cast(sum(streams.streams * subscribers.counts_streams) as bigint) as streams,
    {{ sum_where('not streams.is_trial', 'streams.streams * subscribers.counts_streams') }} as paid_streams,
    cast(sum(streams.streams * subscribers.stream_value) as bigint) as stream_value,
    {{ sum_where('not streams.is_trial', 'streams.streams * subscribers.paid_stream_value') }} as paid_stream_value
from {{ ref('int_royalties__daily_streams') }} as streams
inner join {{ ref('int_royalties__subscribers') }} as subscribers
    on subscribers.account_id = streams.account_id
    and subscribers.territory = streams.territory
    and subscribers.plan_code = streams.plan_code
    and subscribers.royalty_month = {{ period('streams.played_on', 'month') }}
left join tracks
    on tracks.track_id = streams.track_id and tracks.royalty_month = subscribers.royalty_month
left join cuts
    on cuts.track_id = streams.track_id and {{ valid_on('cuts', 'streams.played_on') }}
where {{ stale_days('streams.played_on') }} and {{ stale_days('subscribers.royalty_month') }}
group by
    subscribers.royalty_month,
    subscribers.audience_number,
    tracks.recording_number,
    coalesce(cuts.as_of_on, subscribers.royalty_month)
