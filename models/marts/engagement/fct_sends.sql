{{ config(materialized='whole') }}
-- The last word of a mail counts: one whose outcome was unknown may be found accepted, one that failed may be accepted
-- later.
with weighed as (

    select
        *,
        case state when 'accepted' then 1 when 'unknown' then 2 when 'failed' then 3 else 4 end as weight
    from {{ ref('stg_nightshift__sends') }}

),

outcomes as (

    select
        *,
        row_number() over (
            partition by send_key
            order by weight, occurred_at desc, _arrived_on desc, _dump_id, _source_line
        ) as last_word
    from weighed

)

select
    send_key,
    campaign,
    topic,
    period,
    account_id,
    address_hash,
    state,
    is_holdout,
    message_id,
    smtp_code,
    enhanced_status,
    reason,
    occurred_at,
    occurred_on
from outcomes
where last_word = 1
