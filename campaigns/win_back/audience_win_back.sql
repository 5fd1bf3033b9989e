{{ campaign_audience() }}
with lapsed as (

    select
        activity.account_id,
        activity.streams,
        {{ days_between('activity.last_played_on', 'periods.send_on') }} as days_away
    from {{ ref('fct_member_activity') }} as activity
    inner join {{ campaign_period('win_back') }} as periods
        on activity.last_played_on <= periods.send_on - 21
        and activity.last_played_on >= periods.send_on - 90
    where activity.streams >= 5

),

heard as (

    select
        plays.account_id,
        tracks.artist_id,
        count(*) as streams,
        row_number() over (partition by plays.account_id order by count(*) desc, tracks.artist_id) as place
    from {{ ref('int_plays_counted') }} as plays
    inner join lapsed on lapsed.account_id = plays.account_id
    inner join {{ ref('dim_track') }} as tracks on tracks.track_id = plays.track_id
    where plays.is_stream
    group by plays.account_id, tracks.artist_id

),

artists as (

    select
        heard.account_id,
        {{ json_list(json_object_of({
            'id': 'heard.artist_id', 'name': 'artists.name', 'streams': 'heard.streams'
        }), order='heard.place') }} as artists_json
    from heard
    inner join {{ ref('dim_artist') }} as artists on artists.artist_id = heard.artist_id
    where heard.place <= 3
    group by heard.account_id

)

select
    lapsed.account_id,
    {{ json_object_of({
        'days_away': 'lapsed.days_away', 'streams': 'lapsed.streams', 'artists': 'artists.artists_json'
    }) }} as data_json
from lapsed
inner join artists on artists.account_id = lapsed.account_id
