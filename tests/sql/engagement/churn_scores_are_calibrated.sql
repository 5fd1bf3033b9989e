{{ config(severity='warn') }}
-- Of each sign, who left in four weeks is within three standard deviations of what was expected (both are counts, so
-- each varies by its root); a month unlike the one before is worth a look, and no reason to hold the marts back.
select sign, members, members_expected_to_leave, members_left
from {{ ref('rpt_churn_calibration') }}
where abs(members_left - members_expected_to_leave) > 3 * sqrt(members_left + members_expected_to_leave)
