select
    licensor_id,
    name,
    ddex_party_id,
    country,
    currency,
    created_at,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('catalog', 'licensors') }}
where {{ broken_rule('catalog', 'licensors') }} is null
