{{ config(day='royalty_month', unit='month', reads={'int_royalties__pools': 'day', 'int_royalties__shares': 'day'}) }}
-- Who gets which cents of a pool under either method: holders, the suspense account, and what stays with us.
with shares as (

    select
        royalty_month,
        pool_number,
        case when rights_holder_id is null then 'suspended' else 'paid' end as outcome,
        coalesce(rights_holder_id, '') as payee,
        count(*) as lines,
        cast(sum(pro_rata_nanos) as bigint) as pro_rata_nanos,
        cast(sum(user_centric_nanos) as bigint) as user_centric_nanos,
        cast(sum({{ whole_quotient('pro_rata_nanos', nanos()) }}) as bigint) as pro_rata_whole_cents,
        cast(sum({{ whole_quotient('user_centric_nanos', nanos()) }}) as bigint) as user_centric_whole_cents
    from {{ ref('int_royalties__shares') }}
    where {{ stale_days('royalty_month') }}
    group by royalty_month, pool_number, rights_holder_id

),

due as (

    select
        royalty_month, pool_number, 'pro_rata' as allocation_method, outcome, payee,
        lines, pro_rata_nanos as due_nanos, pro_rata_whole_cents as whole_cents
    from shares
    union all
    select
        royalty_month, pool_number, 'user_centric' as allocation_method, outcome, payee,
        lines, user_centric_nanos as due_nanos, user_centric_whole_cents as whole_cents
    from shares
    union all
    select
        royalty_month, pool_number, 'user_centric' as allocation_method, 'retained' as outcome, '' as payee,
        0 as lines, cast(retained_nanos as bigint) as due_nanos, cast(0 as bigint) as whole_cents
    from {{ ref('int_royalties__pools') }}
    where {{ stale_days('royalty_month') }} and retained_nanos > 0

),

totals as (

    select
        royalty_month, pool_number, allocation_method,
        count(*) as payees,
        cast(sum({{ whole_quotient('due_nanos', nanos()) }}) as bigint) as whole_cents
    from due
    group by royalty_month, pool_number, allocation_method

),

sizes as (

    select
        totals.*,
        totals.allocation_method = pools.allocation_method as is_in_force,
        case totals.allocation_method
            when 'pro_rata' then pools.pro_rata_cents
            else pools.user_centric_cents
        end as pool_cents
    from totals
    inner join {{ ref('int_royalties__pools') }} as pools
        on pools.royalty_month = totals.royalty_month
        and pools.pool_number = totals.pool_number
    where {{ stale_days('pools.royalty_month') }}

),

placed as (

    select
        *,
        row_number() over (
            partition by royalty_month, pool_number, allocation_method
            order by due_nanos % {{ nanos() }} desc, outcome, payee
        ) as place
    from due

)

select
    placed.royalty_month,
    placed.pool_number,
    placed.allocation_method,
    sizes.is_in_force,
    placed.outcome,
    placed.payee,
    placed.lines,
    placed.whole_cents,
    placed.due_nanos,
    cast({{ cents_by_largest_remainder(
        'placed.due_nanos', 'sizes.pool_cents', 'sizes.whole_cents', 'sizes.payees', 'placed.place') }} as bigint)
        as payee_cents
from placed
inner join sizes
    on sizes.royalty_month = placed.royalty_month
    and sizes.pool_number = placed.pool_number
    and sizes.allocation_method = placed.allocation_method
