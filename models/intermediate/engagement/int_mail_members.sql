{{ config(materialized='view') }}
with newest as (

    select max(snapshot_on) as snapshot_on from {{ ref('stg_members__accounts') }}

)

select
    accounts.account_id,
    accounts.email_hash,
    accounts.country,
    accounts.time_zone,
    accounts.language,
    accounts.status,
    accounts.created_at
from {{ ref('stg_members__accounts') }} as accounts
inner join newest on newest.snapshot_on = accounts.snapshot_on
