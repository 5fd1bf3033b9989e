{{ config(day='royalty_month', unit='month',
    reads={
        'int_royalties__daily_streams': 'day', 'int_royalties__subscribers': 'day',
        'int_royalties__recordings': 'sliced', 'int_royalties__split_cuts': 'sliced'}) }}
-- What a recording's streams are worth under both methods: their number, and the money of those who heard them, each
-- subscriber's spread over her own streams. A track the catalogue does not have yet counts as a stream of nobody.
with subscribers as (

    select
        *,
        dense_rank() over (order by royalty_month, territory, plan_code, currency) as audience
    from {{ ref('int_royalties__subscribers') }}
    where {{ stale_days('royalty_month') }}

),

audiences as (

    select distinct audience, royalty_month, territory, plan_code, currency from subscribers

),

-- Grouped by the number of the audience, which stands for four columns: there are as many streams as plays, nearly.
tracks as (

    select
        subscribers.audience,
        streams.track_id,
        coalesce(cuts.as_of_on, subscribers.royalty_month) as as_of_on,
        cast(sum(streams.streams * subscribers.counts_streams) as bigint) as streams,
        {{ sum_where('not streams.is_trial', 'streams.streams * subscribers.counts_streams') }} as paid_streams,
        cast(sum(streams.streams * subscribers.stream_value) as bigint) as stream_value,
        {{ sum_where('not streams.is_trial', 'streams.streams * subscribers.paid_stream_value') }} as paid_stream_value
    from {{ ref('int_royalties__daily_streams') }} as streams
    inner join subscribers
        on subscribers.account_id = streams.account_id
        and subscribers.territory = streams.territory
        and subscribers.plan_code = streams.plan_code
        and subscribers.royalty_month = {{ period('streams.played_on', 'month') }}
    left join {{ ref('int_royalties__split_cuts') }} as cuts
        on cuts.track_id = streams.track_id and {{ valid_on('cuts', 'streams.played_on') }}
    where {{ stale_days('streams.played_on') }}
    group by subscribers.audience, streams.track_id, coalesce(cuts.as_of_on, subscribers.royalty_month)

),

recordings as (

    select
        tracks.audience,
        recordings.licensor_id,
        recordings.recording_id,
        tracks.as_of_on,
        sum(tracks.streams) as streams,
        sum(tracks.paid_streams) as paid_streams,
        sum(tracks.stream_value) as stream_value,
        sum(tracks.paid_stream_value) as paid_stream_value
    from tracks
    left join {{ ref('int_royalties__recordings') }} as recordings
        on recordings.track_id = tracks.track_id
        and recordings.valid_from < {{ add_periods(period('tracks.as_of_on', 'month'), 1, 'month') }}
    group by tracks.audience, recordings.licensor_id, recordings.recording_id, tracks.as_of_on

)

select
    audiences.royalty_month,
    audiences.territory,
    audiences.plan_code,
    audiences.currency,
    recordings.licensor_id,
    recordings.recording_id,
    recordings.as_of_on,
    cast(recordings.streams as bigint) as streams,
    cast(recordings.paid_streams as bigint) as paid_streams,
    cast(recordings.stream_value as bigint) as stream_value,
    cast(recordings.paid_stream_value as bigint) as paid_stream_value
from recordings
inner join audiences on audiences.audience = recordings.audience
