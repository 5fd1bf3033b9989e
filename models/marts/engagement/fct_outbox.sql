{{ config(materialized='whole') }}
-- The window is in the reader's own time: her clock's on the day of sending, summer time or not.
with chosen as (

    select *
    from {{ ref('rpt_campaign_audience') }}
    where outcome in ('included', 'holdout')

)

select
    {{ send_key('chosen.campaign', 'chosen.account_id', 'chosen.period') }} as send_key,
    chosen.campaign,
    chosen.topic,
    chosen.period,
    chosen.priority,
    chosen.account_id,
    chosen.address_hash,
    chosen.language,
    chosen.country,
    chosen.outcome = 'holdout' as is_holdout,
    chosen.send_on,
    {{ utc_of(at_minute('chosen.send_on', 'chosen.earliest_minute'), 'chosen.time_zone') }} as not_before_at,
    {{ utc_of(at_minute('chosen.send_on', 'chosen.latest_minute'), 'chosen.time_zone') }} as not_after_at,
    cast(audiences.data_json as varchar) as data_json
from chosen
inner join {{ ref('int_campaign_audiences') }} as audiences
    on audiences.campaign = chosen.campaign and audiences.account_id = chosen.account_id
