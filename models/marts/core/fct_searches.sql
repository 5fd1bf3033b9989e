{{ config(day='searched_on', reads={'stg_playback__searches': 'day'}) }}
with searches as (

    {{ newest_copies(ref('stg_playback__searches'), day='searched_on', key='search_id') }}

)

select
    search_id,
    account_id,
    searched_at,
    searched_on,
    query,
    country,
    language,
    results_shown,
    clicked_kind,
    clicked_id,
    clicked_rank,
    _dump_id
from searches
