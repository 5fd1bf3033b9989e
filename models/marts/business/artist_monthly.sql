{{ config(day='month', unit='month', reads={'track_monthly': 'day', 'fct_follows': 'day'}) }}
with heard as (

    select
        month,
        artist_id,
        min(artist_name) as artist_name,
        min(main_genre) as main_genre,
        count(distinct release_id) as releases_heard,
        count(*) as tracks_heard,
        cast(sum(plays) as bigint) as plays,
        cast(sum(streams) as bigint) as streams,
        cast(sum(streams_recommendation) as bigint) as streams_recommendation,
        cast(sum(streams_search) as bigint) as streams_search,
        cast(sum(streams_editorial) as bigint) as streams_editorial,
        cast(sum(ms_played) as bigint) as ms_played,
        cast(sum(listener_days) as bigint) as listener_days,
        max(listeners_best_day) as listeners_best_day,
        cast(sum(saves) as bigint) as saves
    from {{ ref('track_monthly') }}
    where artist_id is not null and {{ stale_days('month') }}
    group by month, artist_id

),

followed as (

    select
        cast(date_trunc('month', changed_on) as date) as month, artist_id, count(case when is_on then 1 end) as follows
    from {{ ref('fct_follows') }}
    where {{ stale_days('changed_on') }}
    group by cast(date_trunc('month', changed_on) as date), artist_id

)

select
    heard.month,
    heard.artist_id,
    heard.artist_name,
    heard.main_genre,
    heard.releases_heard,
    heard.tracks_heard,
    heard.plays,
    heard.streams,
    heard.streams_recommendation,
    heard.streams_search,
    heard.streams_editorial,
    heard.ms_played,
    heard.listener_days,
    heard.listeners_best_day,
    heard.saves,
    coalesce(followed.follows, 0) as follows
from heard
left join followed
    on followed.month = heard.month
    and followed.artist_id = heard.artist_id
