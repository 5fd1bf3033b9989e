{{ config(materialized='whole') }}
-- The order of a list: by place; a new release at every tenth place at the latest; the third track of an artist comes
-- after the first ten.
with new_releases as (

    select *, row_number() over (partition by listener_no order by place) as new_release_number
    from {{ ref('int_discovery__candidates') }}
    where is_new_release

),

wished as (

    -- twice the place, so that a new release can wish to stand right before who has it
    select listener_no, track_no, artist_no, choice, score, is_new_release, 2 * place as wish
    from {{ ref('int_discovery__candidates') }}
    where not is_new_release
    union all
    select
        listener_no,
        track_no,
        artist_no,
        choice,
        score,
        is_new_release,
        2 * least(place, {{ var('new_release_every') }} * new_release_number) - 1 as wish
    from new_releases

),

of_artists as (

    select *, row_number() over (partition by listener_no, artist_no order by wish) as of_artist
    from wished

),

in_order as (

    select
        *,
        row_number() over (partition by listener_no order by wish) as number,
        count(case when of_artist <= {{ var('of_artist_on_top') }} then 1 end) over (
            partition by listener_no order by wish
            rows between unbounded preceding and current row
        ) as fit_for_top,
        count(case when of_artist <= {{ var('of_artist_on_top') }} then 1 end) over (partition by listener_no)
            as all_fit_for_top
    from of_artists

),

ranked as (

    select
        *,
        case
            when of_artist <= {{ var('of_artist_on_top') }} and fit_for_top <= 10 then fit_for_top
            -- behind those of the first ten that were to come later
            else number + least(10, all_fit_for_top) - least(10, fit_for_top)
        end as rank
    from in_order

)

select
    listener_no,
    cast(rank as integer) as rank,
    track_no,
    choice,
    cast(score as decimal(18, 6)) as score,
    is_new_release
from ranked
where rank <= {{ var('list_length') }}
