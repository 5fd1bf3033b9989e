select payment_id, paid_at, account_id, terminal_id, amount, is_fraud, _event_on as paid_on, _arrived_on, _dump_id, _source_file, _source_line
from {{ source('cards', 'transactions') }}
