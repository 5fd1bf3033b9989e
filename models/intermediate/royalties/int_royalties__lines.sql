{{ config(day='royalty_month', unit='month', reads={'int_royalties__shares': 'day', 'int_royalties__payees': 'day'}) }}
-- The cents of a payee placed on the recordings that earned them, under the method of the pool's contract. This is what
-- a month's statements should say, whatever was closed.
with shares as (

    select
        royalty_month, territory, plan_code, currency, licensor_id, recording_id, rights_holder_id, problem, streams,
        case allocation_method when 'pro_rata' then pro_rata_nanos else user_centric_nanos end as due_nanos
    from {{ ref('int_royalties__shares') }}
    where {{ stale_days('royalty_month') }}

),

with_payee as (

    select shares.*, payees.payee_cents
    from shares
    inner join {{ ref('int_royalties__payees') }} as payees
        on payees.royalty_month = shares.royalty_month
        and payees.territory = shares.territory
        and payees.plan_code = shares.plan_code
        and payees.currency = shares.currency and payees.licensor_id = shares.licensor_id
        and payees.payee = coalesce(shares.rights_holder_id, '')
        and payees.outcome = case when shares.rights_holder_id is null then 'suspended' else 'paid' end
    where {{ stale_days('payees.royalty_month') }} and payees.is_in_force

)

select
    royalty_month,
    territory,
    plan_code,
    currency,
    licensor_id,
    recording_id,
    rights_holder_id,
    problem,
    streams,
    due_nanos,
    {{ cents_by_largest_remainder('due_nanos', 'payee_cents',
        "royalty_month, territory, plan_code, currency, licensor_id, coalesce(rights_holder_id, '')",
        "recording_id, coalesce(problem, '')") }} as line_cents
from with_payee
