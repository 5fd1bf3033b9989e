{{ config(day='play_month', unit='month',
    reads={
        'int_royalties__lines': 'day', 'int_royalties__pools': 'day', 'int_royalties__catalogue': 'day',
        'int_royalties__adjustments': 'day',
        'stg_nightshift__statements': 'whole', 'int_royalties__closed_months': 'whole'
    }) }}
-- Statements as they were issued, and (without an id of a statement) what the next ones will say: the earnings of each
-- open month, and in the first of them what has changed about the closed ones.
with first_open as (

    select {{ add_periods('max(royalty_month)', 1, 'month') }} as statement_month
    from {{ ref('int_royalties__closed_months') }}

),

due as (

    select
        lines.royalty_month as statement_month, 'earning' as line_kind, lines.rights_holder_id, pools.licensor_id,
        catalogue.recording_id, pools.territory, pools.plan_code, lines.royalty_month as play_month,
        cast(null as {{ dbt.type_string() }}) as cause,
        lines.streams, lines.line_cents, pools.currency
    from {{ ref('int_royalties__lines') }} as lines
    inner join {{ ref('int_royalties__pools') }} as pools
        on {{ same('pools', 'lines', ['royalty_month', 'pool_number']) }}
    inner join {{ ref('int_royalties__catalogue') }} as catalogue
        on {{ same('catalogue', 'lines', ['royalty_month', 'recording_number']) }}
    cross join first_open
    where
        {{ stale_days('lines.royalty_month') }}
        and {{ stale_days('pools.royalty_month') }}
        and {{ stale_days('catalogue.royalty_month') }}
        and lines.rights_holder_id is not null
        and (first_open.statement_month is null or lines.royalty_month >= first_open.statement_month)
    union all
    select
        first_open.statement_month, adjustments.line_kind, adjustments.rights_holder_id, adjustments.licensor_id,
        adjustments.recording_id,
        adjustments.territory, adjustments.plan_code, adjustments.royalty_month as play_month, adjustments.cause,
        adjustments.streams, adjustments.line_cents, adjustments.currency
    from {{ ref('int_royalties__adjustments') }} as adjustments
    cross join first_open
    where {{ stale_days('adjustments.royalty_month') }}

)

select
    statements.statement_line_id,
    statements.statement_id,
    statements.statement_month,
    statements.issued_on,
    statements.line_kind,
    statements.rights_holder_id,
    statements.licensor_id,
    statements.recording_id,
    statements.territory,
    statements.plan_code,
    statements.play_month,
    statements.cause,
    statements.streams,
    statements.amount,
    statements.currency,
    statements.exchange_rate,
    statements.statement_amount,
    statements.statement_currency
from {{ ref('stg_nightshift__statements') }} as statements
inner join {{ ref('int_royalties__closed_months') }} as issued on issued.royalty_month = statements.statement_month
where {{ stale_days('statements.play_month') }}
union all
select
    {{ statement_line_id('due') }} as statement_line_id,
    cast(null as {{ dbt.type_string() }}) as statement_id,
    statement_month,
    cast(null as date) as issued_on,
    line_kind,
    rights_holder_id,
    licensor_id,
    recording_id,
    territory,
    plan_code,
    play_month,
    cause,
    streams,
    {{ from_cents('line_cents') }} as amount,
    currency,
    cast(null as decimal(18, 8)) as exchange_rate,
    cast(null as decimal(18, 2)) as statement_amount,
    cast(null as {{ dbt.type_string() }}) as statement_currency
from due
