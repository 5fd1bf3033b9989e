{{ config(day='royalty_month', unit='month', reads={'int_royalties__pools': 'day', 'int_royalties__shares': 'day'}) }}
-- Who gets which cents of a pool under either method: holders, the suspense account, and what stays with us.
with shares as (

    select
        royalty_month, territory, plan_code, currency, licensor_id,
        case when rights_holder_id is null then 'suspended' else 'paid' end as outcome,
        coalesce(rights_holder_id, '') as payee,
        cast(sum(pro_rata_nanos) as bigint) as pro_rata_nanos,
        cast(sum(user_centric_nanos) as bigint) as user_centric_nanos
    from {{ ref('int_royalties__shares') }}
    where {{ stale_days('royalty_month') }}
    group by
        royalty_month,
        territory,
        plan_code,
        currency,
        licensor_id,
        case when rights_holder_id is null then 'suspended' else 'paid' end,
        coalesce(rights_holder_id, '')

),

due as (

    select
        royalty_month, territory, plan_code, currency, licensor_id,
        'pro_rata' as allocation_method, outcome, payee, pro_rata_nanos as due_nanos
    from shares
    union all
    select
        royalty_month, territory, plan_code, currency, licensor_id,
        'user_centric' as allocation_method, outcome, payee, user_centric_nanos as due_nanos
    from shares
    union all
    select
        royalty_month, territory, plan_code, currency, licensor_id,
        'user_centric' as allocation_method, 'retained' as outcome, '' as payee,
        cast(retained_nanos as bigint) as due_nanos
    from {{ ref('int_royalties__pools') }}
    where {{ stale_days('royalty_month') }} and retained_nanos > 0

),

with_pool as (

    select
        due.*,
        due.allocation_method = pools.allocation_method as is_in_force,
        case due.allocation_method
            when 'pro_rata' then pools.pro_rata_cents
            else pools.user_centric_cents
        end as pool_cents
    from due
    inner join {{ ref('int_royalties__pools') }} as pools
        on pools.royalty_month = due.royalty_month
        and pools.territory = due.territory
        and pools.plan_code = due.plan_code
        and pools.currency = due.currency and pools.licensor_id = due.licensor_id
    where {{ stale_days('pools.royalty_month') }}

)

select
    royalty_month,
    territory,
    plan_code,
    currency,
    licensor_id,
    allocation_method,
    is_in_force,
    outcome,
    payee,
    due_nanos,
    {{ cents_by_largest_remainder('due_nanos', 'pool_cents',
        'royalty_month, territory, plan_code, currency, licensor_id, allocation_method',
        'outcome, payee') }} as payee_cents
from with_pool
