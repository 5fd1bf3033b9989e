{{ config(materialized='whole') }}
-- The statements as issued, one line of figures each.
select
    statements.statement_id,
    statements.statement_month,
    statements.rights_holder_id,
    min(holders.name) as rights_holder_name,
    min(statements.issued_on) as issued_on,
    min(statements.statement_currency) as currency,
    cast(sum(
        case
            when statements.line_kind = 'carried_over' and statements.cause = 'brought forward'
                then statements.statement_amount
            else 0
        end
    ) as decimal(18, 2)) as opening_amount,
    cast(sum(
        case
            when statements.line_kind = 'earning' then statements.statement_amount
            else 0
        end
    ) as decimal(18, 2)) as earned_amount,
    cast(sum(
        case
            when statements.line_kind in ('adjustment', 'suspense_release') then statements.statement_amount
            else 0
        end
    ) as decimal(18, 2)) as adjusted_amount,
    cast(-sum(
        case
            when statements.line_kind = 'advance_recouped' then statements.statement_amount
            else 0
        end
    ) as decimal(18, 2)) as recouped_amount,
    cast(-sum(
        case
            when statements.line_kind = 'withholding_tax' then statements.statement_amount
            else 0
        end
    ) as decimal(18, 2)) as withheld_amount,
    cast(-sum(
        case
            when statements.line_kind = 'payout' then statements.statement_amount
            else 0
        end
    ) as decimal(18, 2)) as payout_amount,
    cast(-sum(
        case
            when statements.line_kind = 'carried_over' and statements.cause = 'carried forward'
                then statements.statement_amount
            else 0
        end
    ) as decimal(18, 2)) as closing_amount,
    count(case when statements.recording_id is not null then 1 end) as lines,
    cast(sum(case when statements.line_kind = 'earning' then statements.streams else 0 end) as bigint) as streams
from {{ ref('stg_nightshift__statements') }} as statements
inner join {{ ref('int_royalties__closed_months') }} as issued on issued.royalty_month = statements.statement_month
left join {{ ref('dim_rights_holder') }} as holders on holders.rights_holder_id = statements.rights_holder_id
group by statements.statement_id, statements.statement_month, statements.rights_holder_id
