{{ config(day='royalty_month', unit='month', reads={
    'int_royalties__shares': 'day', 'int_royalties__pools': 'day', 'int_royalties__catalogue': 'day',
}) }}
{%- set columns = 'royalty_month, territory, plan_code, licensor_id, recording_id,
    coalesce(rights_holder_id, problem) as payee, rights_holder_id, problem' %}
-- Both methods side by side, before cents are placed.
with shares as (

    select
        shares.royalty_month,
        pools.territory,
        pools.plan_code,
        pools.licensor_id,
        pools.currency,
        pools.allocation_method as method_in_force,
        catalogue.recording_id,
        shares.rights_holder_id,
        shares.problem,
        shares.streams,
        shares.pro_rata_nanos,
        shares.user_centric_nanos
    from {{ ref('int_royalties__shares') }} as shares
    inner join {{ ref('int_royalties__pools') }} as pools
        on {{ same('pools', 'shares', ['royalty_month', 'pool_number']) }}
    inner join {{ ref('int_royalties__catalogue') }} as catalogue
        on {{ same('catalogue', 'shares', ['royalty_month', 'recording_number']) }}
    where
        {{ stale_days('shares.royalty_month') }}
        and {{ stale_days('pools.royalty_month') }}
        and {{ stale_days('catalogue.royalty_month') }}

)

select
    {{ columns }},
    'pro_rata' as allocation_method,
    method_in_force = 'pro_rata' as is_in_force,
    streams,
    cast(
        cast(pro_rata_nanos as decimal(38, 0)) * cast(0.00000000001 as decimal(11, 11)) as decimal(28, 11)
    ) as amount,
    currency
from shares
union all
select
    {{ columns }},
    'user_centric' as allocation_method,
    method_in_force = 'user_centric' as is_in_force,
    streams,
    cast(
        cast(user_centric_nanos as decimal(38, 0)) * cast(0.00000000001 as decimal(11, 11)) as decimal(28, 11)
    ) as amount,
    currency
from shares
