{{ config(day='play_month', unit='month',
    reads={
        'fct_statement_lines': 'day', 'int_royalties__closed_months': 'whole'
    }) }}
-- What was paid for a closed month, what has been adjusted since or will be in the next statement, and so what it
-- would be today.
with lines as (

    select
        lines.play_month,
        lines.rights_holder_id,
        lines.currency,
        case when lines.line_kind = 'earning' then 'as closed' else lines.cause end as cause,
        lines.line_kind,
        lines.issued_on,
        lines.amount
    from {{ ref('fct_statement_lines') }} as lines
    inner join {{ ref('int_royalties__closed_months') }} as closed on closed.royalty_month = lines.play_month
    where {{ stale_days('lines.play_month') }} and lines.line_kind in ('earning', 'adjustment', 'suspense_release')

),

per_cause as (

    select
        play_month,
        rights_holder_id,
        currency,
        cause,
        cast(sum(case when line_kind = 'earning' then amount else 0 end) as decimal(18, 2)) as paid_amount,
        cast(sum(
            case
                when line_kind <> 'earning' and issued_on is not null then amount
                else 0
            end
        ) as decimal(18, 2)) as adjusted_amount,
        cast(sum(
            case
                when line_kind <> 'earning' and issued_on is null then amount
                else 0
            end
        ) as decimal(18, 2)) as due_amount
    from lines
    group by play_month, rights_holder_id, currency, cause

)

select
    *,
    cast(sum(paid_amount + adjusted_amount + due_amount) over (
        partition by play_month, rights_holder_id, currency
    ) as decimal(18, 2)) as today_amount
from per_cause
