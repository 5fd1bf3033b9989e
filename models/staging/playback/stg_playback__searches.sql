select
    search_id,
    account_id,
    searched_at,
    query,
    country,
    language,
    results_shown,
    clicked_kind,
    clicked_id,
    clicked_rank,
    _event_on as searched_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('playback', 'searches') }}
where {{ broken_rule('playback', 'searches') }} is null
