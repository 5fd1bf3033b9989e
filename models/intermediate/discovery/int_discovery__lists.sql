{{ config(materialized='whole') }}
-- The order of a list: by score; a new release at every tenth place at the latest; the third track of an artist
-- comes after the first ten. What is popular fills up what the model leaves.
with placed as (

    select
        *,
        row_number() over (partition by account_id order by choice, score desc, track_id) as place,
        case
            when is_new_release
                then row_number() over (partition by account_id, is_new_release order by choice, score desc, track_id)
        end as new_release_number
    from {{ ref('int_discovery__allowed') }}

),

mixed as (

    select
        *,
        least(place, coalesce({{ var('new_release_every') }} * new_release_number, place)) as wanted_place
    from placed

),

counted as (

    select
        *,
        row_number() over (
            partition by account_id, artist_id
            order by wanted_place, new_release_number nulls last, place
        ) as of_artist
    from mixed

),

top as (

    select
        *,
        row_number() over (
            partition by account_id, of_artist <= {{ var('of_artist_on_top') }}
            order by wanted_place, new_release_number nulls last, place
        ) as among
    from counted

),

ranked as (

    select
        account_id,
        track_id,
        artist_id,
        score,
        choice,
        is_new_release,
        row_number() over (
            partition by account_id
            order by
                case when of_artist <= {{ var('of_artist_on_top') }} and among <= 10 then 0 else 1 end,
                wanted_place,
                new_release_number nulls last,
                place
        ) as rank
    from top

)

select
    account_id,
    cast(rank as integer) as rank,
    track_id,
    artist_id,
    cast(score as decimal(18, 6)) as score,
    choice,
    is_new_release
from ranked
where rank <= {{ var('list_length') }}
