select
    rights_holder_id,
    licensor_id,
    name,
    holder_kind,
    country,
    currency,
    payout_threshold,
    advance_amount,
    withholding_tax_rate,
    created_at,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('catalog', 'rights_holders') }}
where {{ broken_rule('catalog', 'rights_holders') }} is null
