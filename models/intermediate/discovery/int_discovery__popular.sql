{{ config(materialized='whole') }}
-- By listeners, not by plays: nobody makes a track popular alone.
with as_of as (

    select max(played_on) as as_of_on from {{ ref('int_discovery__listening') }}

),

heard as (

    select listening.country, listening.track_id, count(distinct listening.account_id) as listeners
    from {{ ref('int_discovery__listening') }} as listening
    where listening.played_on > (select {{ add_periods('as_of_on', -28, 'day') }} from as_of)
    group by listening.country, listening.track_id

),

ranked as (

    select
        country,
        track_id,
        listeners,
        row_number() over (partition by country order by listeners desc, track_id) as place
    from heard

)

select
    ranked.country,
    tracks.track_no,
    tracks.is_new_release,
    ranked.listeners,
    cast(ranked.place as integer) as place
from ranked
inner join {{ ref('int_discovery__tracks') }} as tracks on tracks.track_id = ranked.track_id
where ranked.place <= {{ var('popular_candidates') }}
