{{ config(day='royalty_month', unit='month',
    reads={
        'int_royalties__daily_streams': 'day', 'int_royalties__subscribers': 'day',
        'int_royalties__recordings': 'sliced', 'int_royalties__split_cuts': 'sliced'}) }}
-- What a recording's streams are worth under both methods: their number, and the money of those who heard them, each
-- subscriber's spread over her own streams. A track the catalogue does not have yet counts as a stream of nobody.
with tracks as (

    select
        subscribers.royalty_month,
        streams.territory,
        streams.plan_code,
        subscribers.currency,
        streams.track_id,
        coalesce(cuts.as_of_on, subscribers.royalty_month) as as_of_on,
        cast(sum(streams.streams * subscribers.counts_streams) as bigint) as streams,
        cast(sum(
            case
                when streams.is_trial then 0
                else streams.streams * subscribers.counts_streams
            end
        ) as bigint) as paid_streams,
        sum(streams.streams * subscribers.stream_value) as stream_value,
        sum(
            case
                when streams.is_trial then 0
                else streams.streams * subscribers.paid_stream_value
            end
        ) as paid_stream_value
    from {{ ref('int_royalties__daily_streams') }} as streams
    inner join {{ ref('int_royalties__subscribers') }} as subscribers
        on subscribers.account_id = streams.account_id
        and subscribers.territory = streams.territory
        and subscribers.plan_code = streams.plan_code
        and subscribers.royalty_month = {{ period('streams.played_on', 'month') }}
    left join {{ ref('int_royalties__split_cuts') }} as cuts
        on cuts.track_id = streams.track_id and {{ valid_on('cuts', 'streams.played_on') }}
    where {{ stale_days('streams.played_on') }} and {{ stale_days('subscribers.royalty_month') }}
    group by
        subscribers.royalty_month,
        streams.territory,
        streams.plan_code,
        subscribers.currency,
        streams.track_id,
        coalesce(cuts.as_of_on, subscribers.royalty_month)

)

select
    tracks.royalty_month,
    tracks.territory,
    tracks.plan_code,
    tracks.currency,
    recordings.licensor_id,
    recordings.recording_id,
    tracks.as_of_on,
    cast(sum(tracks.streams) as bigint) as streams,
    cast(sum(tracks.paid_streams) as bigint) as paid_streams,
    cast(sum(tracks.stream_value) as bigint) as stream_value,
    cast(sum(tracks.paid_stream_value) as bigint) as paid_stream_value
from tracks
left join {{ ref('int_royalties__recordings') }} as recordings
    on recordings.track_id = tracks.track_id
    and recordings.valid_from < {{ add_periods('tracks.royalty_month', 1, 'month') }}
group by
    tracks.royalty_month,
    tracks.territory,
    tracks.plan_code,
    tracks.currency,
    recordings.licensor_id,
    recordings.recording_id,
    tracks.as_of_on
