{{ config(day='royalty_month', unit='month', reads={'int_royalties__lines': 'day'}) }}
-- Money that nobody can be paid yet, and why.
select
    royalty_month,
    territory,
    plan_code,
    licensor_id,
    recording_id,
    problem,
    streams,
    {{ from_cents('line_cents') }} as amount,
    currency
from {{ ref('int_royalties__lines') }}
where {{ stale_days('royalty_month') }} and rights_holder_id is null
