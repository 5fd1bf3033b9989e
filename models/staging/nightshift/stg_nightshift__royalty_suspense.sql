select
    _event_on as royalty_month,
    territory,
    plan_code,
    licensor_id,
    currency,
    recording_id,
    problem,
    streams,
    amount,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('nightshift', 'royalty_suspense') }}
where {{ broken_rule('nightshift', 'royalty_suspense') }} is null
