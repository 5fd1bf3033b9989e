{{ campaign_audience() }}
with streams as (

    select
        plays.account_id,
        plays.played_on,
        plays.ms_played,
        tracks.artist_id
    from {{ ref('int_plays_counted') }} as plays
    inner join {{ campaign_days('listening_report') }} as days on days.day = plays.played_on
    inner join {{ ref('dim_track') }} as tracks on tracks.track_id = plays.track_id
    where plays.is_stream

),

listeners as (

    select
        account_id,
        count(*) as streams,
        count(distinct played_on) as active_days,
        count(distinct artist_id) as artists,
        sum(ms_played) as ms_played
    from streams
    group by account_id
    having count(*) >= 10

),

by_artist as (

    select
        streams.account_id,
        streams.artist_id,
        sum(streams.ms_played) as ms_played,
        row_number() over (
            partition by streams.account_id order by sum(streams.ms_played) desc, streams.artist_id
        ) as place
    from streams
    group by streams.account_id, streams.artist_id

),

top_artists as (

    select
        by_artist.account_id,
        {{ json_list(json_object_of({
            'id': 'by_artist.artist_id', 'name': 'artists.name', 'minutes': whole_quotient('by_artist.ms_played', 60000)
        }), order='by_artist.place') }} as artists_json
    from by_artist
    inner join {{ ref('dim_artist') }} as artists on artists.artist_id = by_artist.artist_id
    where by_artist.place <= 5
    group by by_artist.account_id

),

by_weekday as (

    select account_id, {{ iso_weekday('played_on') }} as weekday, sum(ms_played) as ms_played
    from streams
    group by account_id, {{ iso_weekday('played_on') }}

),

weekdays as (

    select
        account_id,
        {{ json_list(json_object_of({
            'weekday': 'weekday', 'minutes': whole_quotient('ms_played', 60000)
        }), order='weekday') }} as weekdays_json
    from by_weekday
    group by account_id

)

select
    listeners.account_id,
    {{ json_object_of({
        'month': 'periods.period',
        'streams': 'listeners.streams',
        'active_days': 'listeners.active_days',
        'artists': 'listeners.artists',
        'minutes': whole_quotient('listeners.ms_played', 60000),
        'top_artists': 'top_artists.artists_json',
        'weekdays': 'weekdays.weekdays_json',
    }) }} as data_json
from listeners
inner join top_artists on top_artists.account_id = listeners.account_id
inner join weekdays on weekdays.account_id = listeners.account_id
cross join {{ campaign_period('listening_report') }} as periods
