select
    invoice_line_id,
    invoice_id,
    track_id,
    unit_price,
    quantity,
    _covers_on as snapshot_on,
    _arrived_on,
    _dump_id
from {{ source('chinook', 'invoice_line') }}
where {{ broken_rule('chinook', 'invoice_line') }} is null
