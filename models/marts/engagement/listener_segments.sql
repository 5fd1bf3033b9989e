{{ config(materialized='whole') }}
-- The first that applies: who went quiet is that, however much she listened before.
select
    account_id,
    as_of_on,
    case
        when active_days_30 = 0 then 'lapsed'
        when first_played_on > {{ add_periods('as_of_on', -28, 'day') }} then 'new'
        when active_days_7 = 0 then 'lapsing'
        when active_days_30 >= 20 then 'loyal'
        when active_days_30 >= 8 then 'regular'
        else 'occasional'
    end as segment,
    last_played_on,
    active_days_7,
    active_days_30,
    streams_30
from {{ ref('fct_member_activity') }}
