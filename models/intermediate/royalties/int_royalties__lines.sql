{{ config(day='royalty_month', unit='month',
    reads={
        'int_royalties__pools': 'day', 'int_royalties__shares': 'day', 'int_royalties__payees': 'day'
    }) }}
-- The cents of a payee placed on the recordings that earned them, under the method of the pool's contract. This is what
-- a month's statements should say, whatever was closed.
with shares as (

    select
        shares.royalty_month,
        shares.pool_number,
        shares.recording_number,
        shares.rights_holder_id,
        shares.problem,
        shares.streams,
        case pools.allocation_method
            when 'pro_rata' then shares.pro_rata_nanos
            else shares.user_centric_nanos
        end as due_nanos
    from {{ ref('int_royalties__shares') }} as shares
    inner join {{ ref('int_royalties__pools') }} as pools
        on pools.royalty_month = shares.royalty_month
        and pools.pool_number = shares.pool_number
    where {{ stale_days('shares.royalty_month') }} and {{ stale_days('pools.royalty_month') }}

),

placed as (

    select
        *,
        row_number() over (
            partition by royalty_month, pool_number, rights_holder_id
            order by due_nanos % {{ nanos() }} desc, recording_number, coalesce(problem, '')
        ) as place
    from shares

)

select
    placed.royalty_month,
    placed.pool_number,
    placed.recording_number,
    placed.rights_holder_id,
    placed.problem,
    placed.streams,
    placed.due_nanos,
    cast({{ cents_by_largest_remainder(
        'placed.due_nanos', 'payees.payee_cents', 'payees.whole_cents', 'payees.lines', 'placed.place') }} as bigint)
        as line_cents
from placed
inner join {{ ref('int_royalties__payees') }} as payees
    on payees.royalty_month = placed.royalty_month
    and payees.pool_number = placed.pool_number
    and payees.payee = coalesce(placed.rights_holder_id, '')
    and payees.outcome = case when placed.rights_holder_id is null then 'suspended' else 'paid' end
where payees.is_in_force and {{ stale_days('payees.royalty_month') }}
