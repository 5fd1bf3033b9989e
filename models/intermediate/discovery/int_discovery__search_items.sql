{{ config(materialized='view') }}
-- Everything that can be found, in the words of its source.
with artists as (

    select artist_id, name, name || coalesce(' | ' || aliases, '') as names, aliases, main_genre
    from {{ ref('dim_artist') }}
    where removed_on is null

),

copies as (

    {{ newest_copies(ref('stg_newsroom__articles'), day='published_on', key='article_id', version='updated_at') }}

),

-- A correction may move an article to another day of publication: then there are copies of it on both.
articles as (

    select *
    from (
        select
            copies.*,
            row_number() over (
                partition by copies.article_id
                order by copies.updated_at desc, copies._arrived_on desc, copies._dump_id, copies._source_line
            ) as place
        from copies
    ) as placed
    where place = 1

),

newest as (

    select max(published_on) as newest_on from articles

)

select
    'track:' || tracks.track_id as document_id,
    'track' as kind,
    tracks.track_id as item_id,
    tracks.title,
    artists.names,
    releases.title || ' ' || tracks.genre as text,
    tracks.language
from {{ ref('dim_track') }} as tracks
inner join artists on artists.artist_id = tracks.artist_id
inner join {{ ref('dim_release') }} as releases on releases.release_id = tracks.release_id

union all

select
    'release:' || releases.release_id as document_id,
    'release' as kind,
    releases.release_id as item_id,
    releases.title,
    artists.names,
    releases.release_kind || coalesce(' ' || releases.label, '') as text,
    cast(null as varchar) as language
from {{ ref('dim_release') }} as releases
inner join artists on artists.artist_id = releases.artist_id
where releases.removed_on is null

union all

select
    'artist:' || artist_id as document_id,
    'artist' as kind,
    artist_id as item_id,
    name as title,
    coalesce(aliases, '') as names,
    main_genre as text,
    cast(null as varchar) as language
from artists

union all

select
    'article:' || articles.article_id as document_id,
    'article' as kind,
    articles.article_id as item_id,
    articles.title,
    articles.outlet as names,
    coalesce(articles.lead, '') as text,
    articles.language
from articles
cross join newest
where
    not articles.is_retracted
    and articles.published_on > {{ add_periods('newest.newest_on', -1 * var('search_article_days'), 'day') }}
