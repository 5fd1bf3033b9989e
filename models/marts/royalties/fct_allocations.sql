{{ config(day='royalty_month', unit='month', reads={'int_royalties__shares': 'day'}) }}
{%- set columns = 'royalty_month, territory, plan_code, licensor_id, recording_id,
    coalesce(rights_holder_id, problem) as payee, rights_holder_id, problem' %}
-- Both methods side by side, before cents are placed.
select
    {{ columns }},
    'pro_rata' as allocation_method,
    allocation_method = 'pro_rata' as is_in_force,
    streams,
    cast(cast(pro_rata_nanos as decimal(38, 0)) * cast(0.00000000001 as decimal(11, 11)) as decimal(28, 11)) as amount,
    currency
from {{ ref('int_royalties__shares') }}
where {{ stale_days('royalty_month') }}
union all
select
    {{ columns }},
    'user_centric' as allocation_method,
    allocation_method = 'user_centric' as is_in_force,
    streams,
    cast(
        cast(user_centric_nanos as decimal(38, 0)) * cast(0.00000000001 as decimal(11, 11)) as decimal(28, 11)
    ) as amount,
    currency
from {{ ref('int_royalties__shares') }}
where {{ stale_days('royalty_month') }}
