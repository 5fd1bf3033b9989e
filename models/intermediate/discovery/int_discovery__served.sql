{{ config(materialized='whole') }}
-- What the backend was handed last, by listener. It stands until the listener listens again.
with lists as (

    select
        *,
        max(served_on) over (partition by account_id) as last_served_on,
        row_number() over (partition by account_id, served_on, rank order by _dump_id, _source_line) as copy_number
    from {{ ref('stg_nightshift__recommendations_served') }}

)

select account_id, served_on, rank, item_id as track_id, score, reason_ids, reason_text, model_version, is_holdout
from lists
where served_on = last_served_on and copy_number = 1
