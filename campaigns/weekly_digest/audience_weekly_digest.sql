{{ campaign_audience() }}
-- Headlines are no part of it: those of the hour are put in when the mail goes out.
with listed as (

    select
        recommendations.account_id,
        recommendations.rank,
        recommendations.track_id,
        tracks.title,
        artists.name as artist,
        heard.title as because
    from {{ ref('fct_recommendations') }} as recommendations
    inner join {{ ref('fct_member_activity') }} as activity on activity.account_id = recommendations.account_id
    inner join {{ ref('dim_track') }} as tracks on tracks.track_id = recommendations.track_id
    inner join {{ ref('dim_artist') }} as artists on artists.artist_id = recommendations.artist_id
    left join {{ ref('dim_track') }} as heard
        on heard.track_id = split_part(recommendations.reason_track_ids, '|', 1)
    cross join {{ campaign_period('weekly_digest') }} as periods
    where activity.streams_30 > 0

),

numbered as (

    select
        *,
        row_number() over (partition by account_id order by rank) as place
    from listed

)

select
    account_id,
    {{ json_object_of({
        'tracks': json_list(json_object_of({
            'id': 'track_id', 'title': 'title', 'artist': 'artist', 'because': 'because'
        }), order='place')
    }) }} as data_json
from numbered
where place <= 6
group by account_id
