{{ config(materialized='view') }}
-- What the next statements come to: balance brought forward, what is new, advance recouped, tax withheld, paid out,
-- carried forward. Every holder with lines or a balance has one.
with said as (

    select
        statements.rights_holder_id,
        min(statements.statement_currency) as statement_currency,
        cast(sum(
            case
                when statements.line_kind = 'carried_over' then 0
                else {{ cents('statements.statement_amount') }}
            end
        ) as bigint) as balance_cents,
        cast(sum(
            case
                when statements.line_kind = 'advance_recouped' then -{{ cents('statements.statement_amount') }}
                else 0
            end
        ) as bigint) as recouped_cents
    from {{ ref('stg_nightshift__statements') }} as statements
    inner join {{ ref('int_royalties__closed_months') }} as issued on issued.royalty_month = statements.statement_month
    group by statements.rights_holder_id

),

new as (

    select rights_holder_id, statement_currency, cast(sum({{ cents('statement_amount') }}) as bigint) as new_cents
    from {{ ref('int_royalties__statement_lines_due') }}
    group by rights_holder_id, statement_currency

),

balances as (

    select
        coalesce(new.rights_holder_id, said.rights_holder_id) as rights_holder_id,
        coalesce(new.statement_currency, said.statement_currency) as statement_currency,
        coalesce(said.balance_cents, 0) as opening_cents,
        coalesce(said.recouped_cents, 0) as recouped_before_cents,
        coalesce(new.new_cents, 0) as new_cents
    from new
    full outer join said on said.rights_holder_id = new.rights_holder_id

),

recouped as (

    select
        balances.*,
        coalesce({{ cents('holders.payout_threshold') }}, 0) as threshold_cents,
        coalesce(cast(holders.withholding_tax_rate * 1000000 as bigint), 0) as withholding_millionths,
        greatest(0, least(
            coalesce({{ cents('holders.advance_amount') }}, 0) - balances.recouped_before_cents,
            balances.opening_cents + balances.new_cents
        )) as recouped_cents
    from balances
    left join {{ ref('dim_rights_holder') }} as holders on holders.rights_holder_id = balances.rights_holder_id
    where balances.opening_cents <> 0 or balances.new_cents <> 0

),

payable as (

    select
        *,
        opening_cents + new_cents - recouped_cents as balance_cents,
        case when statement_currency in ('JPY', 'KRW', 'ISK') then 100 else 1 end as least_unit
    from recouped

),

-- Yen have no cents: whole ones are paid, the rest waits.
settled as (

    select
        *,
        case
            when balance_cents > 0 and balance_cents >= threshold_cents
                then {{ whole_quotient('balance_cents', 'least_unit') }} * least_unit
            else 0
        end as settled_cents
    from payable

),

taxed as (

    select
        *,
        {{ rounded_quotient('settled_cents * withholding_millionths', '1000000 * least_unit') }}
        * least_unit as withheld_cents
    from settled

)

select
    rights_holder_id,
    statement_currency,
    {{ from_cents('opening_cents') }} as opening_amount,
    {{ from_cents('new_cents') }} as new_amount,
    {{ from_cents('recouped_cents') }} as recouped_amount,
    {{ from_cents('withheld_cents') }} as withheld_amount,
    {{ from_cents('settled_cents - withheld_cents') }} as payout_amount,
    {{ from_cents('balance_cents - settled_cents') }} as closing_amount
from taxed
