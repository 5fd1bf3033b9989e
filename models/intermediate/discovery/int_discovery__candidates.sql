{{ config(materialized='whole') }}
-- What a list can be made of, by place: what the model says, and after it what is popular in the country, as far as the
-- model leaves places. New releases that are popular have a chance on every list.
with said as (

    select listener_no, max(place) as tracks
    from {{ ref('int_discovery__scored') }}
    group by listener_no

),

popular as (

    select
        due.listener_no,
        offered.track_no,
        popular.listeners as score,
        coalesce(said.tracks, 0) + row_number() over (partition by due.listener_no order by popular.place) as place
    from {{ ref('int_discovery__due_listeners') }} as due
    inner join {{ ref('int_discovery__popular') }} as popular on popular.country = due.country
    inner join {{ ref('int_discovery__offered') }} as offered
        on offered.country = due.country
        and offered.explicit_content = due.explicit_content
        and offered.track_no = popular.track_no
    left join said on said.listener_no = due.listener_no
    where
        (popular.is_new_release or coalesce(said.tracks, 0) < {{ var('list_length') }})
        and not exists (
            select 1
            from {{ ref('int_discovery__hidden') }} as hidden
            where hidden.listener_no = due.listener_no and hidden.track_no = popular.track_no
        )
        and not exists (
            select 1
            from {{ ref('int_discovery__scored') }} as scored
            where scored.listener_no = due.listener_no and scored.track_no = popular.track_no
        )

),

candidates as (

    select listener_no, track_no, score, place, 1 as choice from {{ ref('int_discovery__scored') }}
    union all
    select listener_no, track_no, score, place, 2 as choice from popular

)

select
    candidates.listener_no,
    cast(candidates.place as integer) as place,
    candidates.track_no,
    tracks.artist_no,
    candidates.choice,
    candidates.score,
    tracks.is_new_release
from candidates
inner join {{ ref('int_discovery__tracks') }} as tracks on tracks.track_no = candidates.track_no
where candidates.place <= {{ var('list_length') + 10 }} or tracks.is_new_release
