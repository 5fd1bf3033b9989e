select
    _event_on as royalty_month,
    territory,
    plan_code,
    licensor_id,
    licensor_name,
    ddex_party_id,
    currency,
    contract_id,
    allocation_method,
    net_revenue_amount,
    subscribers,
    streams,
    all_streams,
    pool_amount,
    paid_amount,
    suspended_amount,
    retained_amount,
    _arrived_on,
    _dump_id,
    _source_file,
    _source_line
from {{ source('nightshift', 'royalty_pools') }}
where {{ broken_rule('nightshift', 'royalty_pools') }} is null
