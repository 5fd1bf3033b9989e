{{ config(
    day='royalty_month', unit='month', reads={'fct_pools': 'day', 'dim_exchange_rate': 'sliced'}
) }}
-- Each licensor's pool carries the whole net revenue of plan and territory: it is counted once.
with pools as (

    select
        royalty_month,
        territory,
        plan_code,
        currency,
        max(net_revenue_amount) as net_revenue_amount,
        sum(pool_amount) as pool_amount,
        sum(paid_amount) as paid_amount,
        sum(suspended_amount) as suspended_amount,
        sum(retained_amount) as retained_amount,
        sum(pro_rata_amount) as pro_rata_amount,
        sum(user_centric_amount) as user_centric_amount
    from {{ ref('fct_pools') }}
    where {{ stale_days('royalty_month') }}
    group by royalty_month, territory, plan_code, currency

)

select
    pools.royalty_month,
    pools.territory,
    pools.plan_code,
    pools.currency,
    cast(pools.net_revenue_amount as decimal(18, 2)) as net_revenue_amount,
    cast(pools.pool_amount as decimal(18, 2)) as pool_amount,
    cast(pools.paid_amount as decimal(18, 2)) as paid_amount,
    cast(pools.suspended_amount as decimal(18, 2)) as suspended_amount,
    cast(pools.retained_amount as decimal(18, 2)) as retained_amount,
    cast(pools.pro_rata_amount as decimal(18, 2)) as pro_rata_amount,
    cast(pools.user_centric_amount as decimal(18, 2)) as user_centric_amount,
    {{ from_cents(euro_cents('pools.net_revenue_amount', 'rates')) }} as net_revenue_eur,
    {{ from_cents(euro_cents('pools.paid_amount + pools.suspended_amount', 'rates')) }} as royalty_cost_eur,
    {{ from_cents(euro_cents('pools.suspended_amount', 'rates')) }} as suspended_eur,
    {{ from_cents(euro_cents('pools.pool_amount', 'rates')) }} as pool_eur,
    {{ from_cents(euro_cents('pools.pro_rata_amount', 'rates')) }} as pro_rata_eur,
    {{ from_cents(euro_cents('pools.user_centric_amount', 'rates')) }} as user_centric_eur
from pools
inner join {{ ref('dim_exchange_rate') }} as rates
    on rates.currency = pools.currency
    and {{ valid_on('rates', add_periods(add_periods('pools.royalty_month', 1, 'month'), -1, 'day')) }}
