{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_catalog__artists_changes'), key='artist_id', created='created_at') }}

)

select
    artist_id,
    name,
    country,
    main_genre,
    since as valid_from,
    until as valid_to
from versions
where change_kind <> 'deleted'
