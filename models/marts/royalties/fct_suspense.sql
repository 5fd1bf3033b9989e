{{ config(day='royalty_month', unit='month', reads={
    'int_royalties__lines': 'day', 'int_royalties__pools': 'day', 'int_royalties__catalogue': 'day',
}) }}
-- Money that nobody can be paid yet, and why.
select
    lines.royalty_month,
    pools.territory,
    pools.plan_code,
    pools.licensor_id,
    catalogue.recording_id,
    lines.problem,
    lines.streams,
    {{ from_cents('lines.line_cents') }} as amount,
    pools.currency
from {{ ref('int_royalties__lines') }} as lines
inner join {{ ref('int_royalties__pools') }} as pools
    on {{ same('pools', 'lines', ['royalty_month', 'pool_number']) }}
inner join {{ ref('int_royalties__catalogue') }} as catalogue
    on {{ same('catalogue', 'lines', ['royalty_month', 'recording_number']) }}
where
    {{ stale_days('lines.royalty_month') }}
    and {{ stale_days('pools.royalty_month') }}
    and {{ stale_days('catalogue.royalty_month') }}
    and lines.rights_holder_id is null
