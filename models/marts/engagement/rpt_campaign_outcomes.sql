{{ config(materialized='whole') }}
-- As they were meant to be treated: whoever was to get the mail against whoever was held out, whatever became of it.
-- The interval of the difference is Newcombe's (1998, method 10).
with sends as (

    select sends.*, coalesce(periods.goal_days, 7) as goal_days
    from {{ ref('fct_sends') }} as sends
    left join {{ ref('int_campaign_periods') }} as periods on periods.campaign = sends.campaign
    where sends.is_holdout or sends.state <> 'withheld'

),

events as (

    select
        send_key,
        max(case when event_kind = 'bounce' then 1 else 0 end) as is_bounced,
        max(case when event_kind = 'complaint' then 1 else 0 end) as is_complained,
        max(case when event_kind = 'unsubscribe' then 1 else 0 end) as is_unsubscribed,
        max(case when event_kind in ('open', 'click') then 1 else 0 end) as is_opened,
        max(case when event_kind = 'click' then 1 else 0 end) as is_clicked
    from {{ ref('fct_mail_events') }}
    group by send_key

),

listened as (

    select distinct sends.send_key from sends
    inner join {{ ref('int_member_listening_daily') }} as days
        on days.account_id = sends.account_id
        and days.played_on > sends.occurred_on
        and days.played_on <= sends.occurred_on + sends.goal_days
    where days.streams > 0

),

known_to as (

    select max(as_of_on) as known_on from {{ ref('fct_member_activity') }}

),

counted as (

    select
        sends.campaign,
        sends.period,
        min(sends.occurred_on) as first_on,
        max(sends.occurred_on) as last_on,
        max(sends.goal_days) as goal_days,
        count(case when not sends.is_holdout then 1 end) as mails,
        count(case when sends.state = 'accepted' then 1 end) as accepted,
        count(case when sends.state = 'failed' then 1 end) as failed,
        count(case when sends.state = 'unknown' then 1 end) as unknown,
        count(case when sends.is_holdout then 1 end) as held_out,
        count(case when events.is_bounced = 1 then 1 end) as bounced,
        count(case when events.is_complained = 1 then 1 end) as complained,
        count(case when events.is_unsubscribed = 1 then 1 end) as unsubscribed,
        count(case when events.is_opened = 1 then 1 end) as opened,
        count(case when events.is_clicked = 1 then 1 end) as clicked,
        count(case when not sends.is_holdout and listened.send_key is not null then 1 end) as listened_with,
        count(case when sends.is_holdout and listened.send_key is not null then 1 end) as listened_without
    from sends
    left join events on events.send_key = sends.send_key
    left join listened on listened.send_key = sends.send_key
    group by sends.campaign, sends.period

),

bounded as (

    select
        counted.*,
        coalesce(counted.last_on + counted.goal_days <= known_to.known_on, false) as is_complete,
        case when counted.mails > 0 then 1.0 * counted.listened_with / counted.mails end as rate_with,
        case when counted.held_out > 0 then 1.0 * counted.listened_without / counted.held_out end as rate_without,
        case when counted.mails > 0 then {{ wilson('counted.listened_with', 'counted.mails', '-') }} end as low_with,
        case when counted.mails > 0 then {{ wilson('counted.listened_with', 'counted.mails', '+') }} end as high_with,
        case
            when counted.held_out > 0 then {{ wilson('counted.listened_without', 'counted.held_out', '-') }}
        end as low_without,
        case
            when counted.held_out > 0 then {{ wilson('counted.listened_without', 'counted.held_out', '+') }}
        end as high_without
    from counted
    cross join known_to

)

select
    campaign,
    period,
    first_on,
    last_on,
    mails,
    accepted,
    failed,
    unknown,
    held_out,
    bounced, complained, unsubscribed, opened, clicked,
    goal_days,
    is_complete,
    listened_with as listened,
    listened_without as holdout_listened,
    cast(rate_with as decimal(9, 6)) as listened_share,
    cast(rate_without as decimal(9, 6)) as holdout_listened_share,
    cast(rate_with - rate_without as decimal(9, 6)) as difference,
    cast(
        rate_with - rate_without - sqrt(power(rate_with - low_with, 2) + power(high_without - rate_without, 2))
        as decimal(9, 6)
    ) as difference_low,
    cast(
        rate_with - rate_without + sqrt(power(high_with - rate_with, 2) + power(rate_without - low_without, 2))
        as decimal(9, 6)
    ) as difference_high
from bounded
