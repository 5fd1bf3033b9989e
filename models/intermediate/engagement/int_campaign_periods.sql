{{ config(materialized='whole', reads={'stg_members__consents': 'latest'}) }}
-- What is known ends with the newest consents: without them nobody may be written to.
with today as (

    select {{ add_periods('max(snapshot_on)', 1, 'day') }} as send_on
    from {{ ref('stg_members__consents') }}

),

scheduled as (

    select
        settings.*,
        today.send_on,
        cast(date_trunc('month', today.send_on) as date) as month_of,
        case settings.every
            when 'day' then today.send_on
            when
                'week'
                then
                    cast(
                        today.send_on
                        - cast(({{ iso_weekday('today.send_on') }} - settings.run_on + 7) % 7 as integer) as date
                    )
            else
                cast(
                    cast(date_trunc('month', cast(today.send_on - (settings.run_on - 1) as date)) as date)
                    + (settings.run_on - 1) as date
                )
        end as scheduled_on
    from {{ campaign_settings() }}
    cross join today

),

bounded as (

    select
        *,
        case every
            when 'day' then cast(scheduled_on - 1 as date)
            when 'week' then cast(scheduled_on - 7 as date)
            else cast(date_trunc('month', cast(scheduled_on - run_on as date)) as date)
        end as period_from,
        case every when 'month' then cast(date_trunc('month', scheduled_on) as date) else scheduled_on end as period_to
    from scheduled

)

select
    campaign,
    topic,
    priority,
    cap_mails,
    cap_days,
    holdout_lots,
    earliest_minute,
    latest_minute,
    languages,
    fallback_language,
    goal_days,
    send_on,
    scheduled_on,
    case every
        when 'day' then {{ iso_day('scheduled_on') }}
        when 'week' then {{ iso_week('scheduled_on') }}
        else substr({{ iso_day('period_from') }}, 1, 7)
    end as period,
    period_from,
    period_to,
    send_on < scheduled_on + open_days as is_due
from bounded
