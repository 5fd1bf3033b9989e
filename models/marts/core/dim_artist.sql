{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_catalog__artists_changes'), key='artist_id') }}

)

select
    artist_id,
    name,
    aliases,
    country,
    main_genre,
    created_at,
    case when change_kind = 'deleted' then changed_on end as removed_on
from versions
where until is null
