{{ config(materialized='view') }}
-- The newest word of the newest day; of two at the same moment the one that says no.
select account_id, topic, is_given, changed_at
from (
    select
        account_id,
        topic,
        is_given,
        changed_at,
        row_number() over (partition by account_id, topic order by changed_at desc, is_given) as newest_first
    from {{ ref('stg_members__consents') }}
    where snapshot_on = (select max(snapshot_on) from {{ ref('stg_members__consents') }})
) as words
where newest_first = 1
