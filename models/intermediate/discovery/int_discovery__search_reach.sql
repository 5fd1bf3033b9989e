{{ config(materialized='whole') }}
-- Where and how much a thing is listened to: a release and an artist by those of their tracks that can be played.
with today as (

    select max(played_on) as today from {{ ref('int_discovery__track_streams') }}

),

playable as (

    select track_id, release_id, artist_id
    from {{ ref('dim_track') }}
    where taken_down_at is null and removed_on is null

),

members as (

    select 'track:' || track_id as document_id, track_id from playable
    union all
    select 'release:' || release_id as document_id, track_id from playable
    union all
    select 'artist:' || artist_id as document_id, track_id from playable

),

sizes as (

    select
        document_id,
        count(*) as tracks
    from members
    group by document_id

),

spans as (

    select availability.track_id, availability.territory, bool_and(availability.is_available) as is_available
    from {{ ref('dim_availability') }} as availability
    cross join today
    where {{ valid_on('availability', 'today.today') }}
    group by availability.track_id, availability.territory

),

places as (

    select
        members.document_id,
        spans.territory,
        bool_or(spans.is_available) as is_somewhere,
        count(case when not spans.is_available then 1 end) as tracks_out
    from members
    inner join spans on spans.track_id = members.track_id
    group by members.document_id, spans.territory

),

territories as (

    select
        places.document_id,
        max(case when places.territory = 'WW' and places.is_somewhere then 'WW' end) as everywhere,
        string_agg(case when places.is_somewhere then places.territory end, ' ' order by places.territory) as listed,
        string_agg(case when places.tracks_out = sizes.tracks then places.territory end, ' ' order by places.territory)
            as excluded
    from places
    inner join sizes on sizes.document_id = places.document_id
    group by places.document_id

),

heard as (

    select members.document_id, sum(streams.streams) as streams
    from {{ ref('int_discovery__track_streams') }} as streams
    cross join today
    inner join members on members.track_id = streams.track_id
    where streams.played_on > {{ add_periods('today.today', -28, 'day') }}
    group by members.document_id

)

select
    territories.document_id,
    coalesce(territories.everywhere, territories.listed) as territories,
    coalesce(territories.excluded, '') as excluded_territories,
    -- doubled listening is one step: few documents change from night to night
    cast(least(15, floor(log2(1 + coalesce(heard.streams, 0)))) as smallint) as popularity
from territories
left join heard on heard.document_id = territories.document_id
where coalesce(territories.everywhere, territories.listed) is not null
