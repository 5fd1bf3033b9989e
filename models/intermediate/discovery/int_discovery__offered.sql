{{ config(materialized='whole') }}
-- What may be recommended in a country, to listeners who want explicit content and to those who do not: each rule is
-- one line of the last condition.
with today as (

    select max(played_on) as today from {{ ref('int_discovery__listening') }}

),

audiences as (

    select distinct country, explicit_content
    from {{ ref('int_discovery__due_listeners') }}

),

available as (

    select
        spans.track_id,
        spans.territory,
        bool_and(spans.is_available) as is_available
    from {{ ref('dim_availability') }} as spans
    cross join today
    where {{ valid_on('spans', 'today.today') }}
    group by spans.track_id, spans.territory

)

select
    audiences.country,
    audiences.explicit_content,
    tracks.track_no
from {{ ref('int_discovery__tracks') }} as tracks
cross join audiences
left join available as here on here.track_id = tracks.track_id and here.territory = audiences.country
left join available as everywhere on everywhere.track_id = tracks.track_id and everywhere.territory = 'WW'
where
    coalesce(here.is_available, everywhere.is_available, false)
    and tracks.is_up
    and tracks.is_out
    and (audiences.explicit_content or not tracks.is_explicit)
