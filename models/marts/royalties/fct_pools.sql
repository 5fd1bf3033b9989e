{{ config(day='royalty_month', unit='month',
    reads={
        'int_royalties__pools': 'day', 'int_royalties__payees': 'day', 'stg_nightshift__royalty_pools': 'day',
        'int_royalties__closed_months': 'whole'
    }) }}
with paid as (

    select
        royalty_month, pool_number,
        sum(case when outcome = 'paid' then payee_cents else 0 end) as paid_cents,
        sum(case when outcome = 'suspended' then payee_cents else 0 end) as suspended_cents,
        sum(case when outcome = 'retained' then payee_cents else 0 end) as retained_cents
    from {{ ref('int_royalties__payees') }}
    where {{ stale_days('royalty_month') }} and is_in_force
    group by royalty_month, pool_number

),

as_closed as (

    select pools.royalty_month, pools.territory, pools.plan_code, pools.licensor_id, pools.currency, pools.pool_amount
    from {{ ref('stg_nightshift__royalty_pools') }} as pools
    inner join {{ ref('int_royalties__closed_months') }} as closed on closed.royalty_month = pools.royalty_month
    where {{ stale_days('pools.royalty_month') }}

)

select
    pools.royalty_month,
    pools.territory,
    pools.plan_code,
    pools.licensor_id,
    pools.currency,
    pools.contract_id,
    pools.allocation_method,
    {{ from_cents("case pools.allocation_method when 'pro_rata' then pools.pro_rata_cents
        else pools.user_centric_cents end") }} as pool_amount,
    {{ from_cents('paid.paid_cents') }} as paid_amount,
    {{ from_cents('paid.suspended_cents') }} as suspended_amount,
    {{ from_cents('paid.retained_cents') }} as retained_amount,
    {{ from_cents('pools.pro_rata_cents') }} as pro_rata_amount,
    {{ from_cents('pools.user_centric_cents') }} as user_centric_amount,
    {{ from_cents('pools.net_cents') }} as net_revenue_amount,
    pools.revenue_share,
    pools.subscribers,
    pools.is_at_minimum,
    pools.trial_streams_count,
    pools.streams,
    pools.all_streams,
    as_closed.pool_amount as closed_pool_amount
from {{ ref('int_royalties__pools') }} as pools
inner join paid on paid.royalty_month = pools.royalty_month and paid.pool_number = pools.pool_number
left join as_closed
    on as_closed.royalty_month = pools.royalty_month
    and as_closed.territory = pools.territory
    and as_closed.plan_code = pools.plan_code
    and as_closed.licensor_id = pools.licensor_id and as_closed.currency = pools.currency
where {{ stale_days('pools.royalty_month') }}
