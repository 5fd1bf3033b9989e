{{ config(materialized='view') }}
with due as (

    select * from {{ ref('int_campaign_periods') }}
    where is_due

),

suppressions as (

    select
        due.campaign,
        suppressed.recipient_kind,
        suppressed.recipient,
        suppressed.reason,
        suppressed.suppressed_at,
        false as is_mailed,
        0 as recent_mails
    from due
    inner join {{ ref('int_mail_suppressed') }} as suppressed on suppressed.topic in ('all', due.topic)

),

-- What was sent, tried or held out: for this very mail, or by any campaign in the days of this one's cap.
sends as (

    select
        due.campaign,
        sends.account_id,
        sends.address_hash,
        case
            when sends.campaign <> due.campaign or sends.period <> due.period then null
            when sends.is_holdout then 'held_out_before'
            when sends.state = 'failed' then 'failed_before'
            when sends.state in ('accepted', 'unknown') then 'already_sent'
        end as reason,
        case
            when sends.occurred_on > due.send_on - due.cap_days and sends.state in ('accepted', 'unknown') then 1 else 0
        end as recent_mails
    from due
    inner join {{ ref('fct_sends') }} as sends
        on sends.occurred_on > due.send_on - due.cap_days or sends.period = due.period

),

contacts as (

    select * from suppressions
    union all
    select
        campaign,
        'account' as recipient_kind,
        account_id as recipient,
        reason,
        cast(null as timestamp) as suppressed_at,
        false as is_mailed,
        0 as recent_mails
    from sends
    where reason is not null
    union all
    select
        campaign,
        'address' as recipient_kind,
        address_hash as recipient,
        cast(null as varchar) as reason,
        cast(null as timestamp) as suppressed_at,
        coalesce(reason = 'already_sent', false) as is_mailed,
        recent_mails
    from sends

)

select
    campaign,
    recipient_kind,
    recipient,
    max(case when reason = 'erased' then suppressed_at end) as erased_at,
    max(case when reason = 'complained' then suppressed_at end) as complained_at,
    max(case when reason = 'bad_mailbox' then suppressed_at end) as bad_mailbox_at,
    max(case when reason = 'unsubscribed' then suppressed_at end) as unsubscribed_at,
    max(
        case when reason in ('held_out_before', 'failed_before', 'already_sent') then reason end
    ) as done_reason,
    max(case when is_mailed then 1 else 0 end) = 1 as is_mailed,
    cast(sum(recent_mails) as bigint) as recent_mails
from contacts
where recipient is not null
group by campaign, recipient_kind, recipient
