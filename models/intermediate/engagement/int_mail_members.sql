{{ config(materialized='view') }}
select
    account_id,
    email_hash,
    country,
    time_zone,
    language,
    status,
    created_at
from {{ ref('stg_members__accounts') }}
where snapshot_on = (select max(snapshot_on) from {{ ref('stg_members__accounts') }})
