{{ config(materialized='view') }}
-- The newest word of the newest day; of two at the same moment the one that says no.
with newest as (

    select max(snapshot_on) as snapshot_on from {{ ref('stg_members__consents') }}

),

words as (

    select
        consents.account_id,
        consents.topic,
        consents.is_given,
        consents.changed_at,
        row_number() over (
            partition by consents.account_id, consents.topic order by consents.changed_at desc, consents.is_given
        ) as newest_first
    from {{ ref('stg_members__consents') }} as consents
    inner join newest on newest.snapshot_on = consents.snapshot_on

)

select account_id, topic, is_given, changed_at
from words
where newest_first = 1
