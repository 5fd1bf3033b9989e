select month, currency, plan_code
from {{ ref('deferred_revenue_waterfall') }}
where closing_amount <> opening_amount + billed_amount - recognised_amount - refunded_amount - written_off_amount
