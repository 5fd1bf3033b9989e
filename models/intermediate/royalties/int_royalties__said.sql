{{ config(materialized='view') }}
-- What the statements issued have said, line by line.
select
    statements.play_month as royalty_month,
    statements.territory,
    statements.plan_code,
    statements.currency,
    statements.licensor_id,
    statements.recording_id,
    statements.rights_holder_id,
    cast(sum(statements.streams) as bigint) as streams,
    cast(sum({{ cents('statements.amount') }}) as bigint) as line_cents
from {{ ref('stg_nightshift__statements') }} as statements
inner join {{ ref('int_royalties__closed_months') }} as issued on issued.royalty_month = statements.statement_month
where statements.line_kind in ('earning', 'adjustment', 'suspense_release')
group by
    statements.play_month, statements.territory, statements.plan_code, statements.currency, statements.licensor_id,
    statements.recording_id, statements.rights_holder_id
