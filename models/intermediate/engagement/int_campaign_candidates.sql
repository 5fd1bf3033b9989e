{{ config(materialized='view') }}
-- Everybody in the audience of a campaign that is due, with the first rule that keeps her from getting the mail.
with due as (

    select * from {{ ref('int_campaign_periods') }}
    where is_due

),

country_rules as (

    select
        due.campaign,
        rules.country,
        min(case when rules.is_allowed then 1 else 0 end) as is_allowed,
        min(rules.consent_days) as consent_days,
        max(rules.earliest_minute) as earliest_minute,
        min(rules.latest_minute) as latest_minute
    from due
    inner join {{ ref('mail_country_rules') }} as rules
        on rules.topic in ('all', due.topic)
        and {{ valid_on('rules', 'due.send_on') }}
    group by due.campaign, rules.country

),

known as (

    select
        due.campaign,
        due.period,
        due.topic,
        due.priority,
        due.send_on,
        due.cap_mails,
        due.holdout_lots,
        members.account_id,
        members.email_hash as address_hash,
        members.country,
        members.time_zone,
        members.created_at,
        consents.changed_at as consent_changed_at,
        case
            when concat(',', due.languages, ',') like concat('%,', members.language, ',%') then members.language else
                due.fallback_language
        end as language,
        coalesce(country_rules.earliest_minute, 0) as country_earliest,
        coalesce(country_rules.latest_minute, 1440) as country_latest,
        due.earliest_minute,
        due.latest_minute,
        coalesce(by_address.recent_mails, 0) as recent_mails,
        {{ stable_lot("concat(due.campaign, ' ', members.account_id)") }} as lot,
        case
            when members.status <> 'active' then 'not_active'
            when by_account.erased_at is not null then 'erased'
            when members.email_hash is null then 'no_address'
            when zones.name is null then 'unknown_time_zone'
            when coalesce(country_rules.is_allowed, 1) = 0 then 'country'
            when not coalesce(consents.is_given, false) then 'no_consent'
            when
                consents.changed_at < cast(due.send_on - country_rules.consent_days as timestamp)
                then 'consent_too_old'
            when by_account.complained_at is not null or by_address.complained_at is not null then 'complained'
            when
                by_account.unsubscribed_at >= consents.changed_at or by_address.unsubscribed_at >= consents.changed_at
                then 'unsubscribed'
            when by_account.bad_mailbox_at is not null or by_address.bad_mailbox_at is not null then 'bad_mailbox'
            when by_account.done_reason is not null then by_account.done_reason
            when by_address.is_mailed then 'address_taken'
        end as first_reason
    from due
    inner join {{ ref('int_campaign_audiences') }} as audiences on audiences.campaign = due.campaign
    inner join {{ ref('int_mail_members') }} as members on members.account_id = audiences.account_id
    left join
        {{ ref('int_mail_consents') }} as consents
        on consents.account_id = members.account_id and consents.topic = due.topic
    left join {{ time_zones() }} as zones on zones.name = members.time_zone
    left join country_rules on country_rules.campaign = due.campaign and country_rules.country = members.country
    left join {{ ref('int_campaign_contacts') }} as by_account
        on by_account.campaign = due.campaign
        and by_account.recipient_kind = 'account'
        and by_account.recipient = members.account_id
    left join {{ ref('int_campaign_contacts') }} as by_address
        on by_address.campaign = due.campaign
        and by_address.recipient_kind = 'address'
        and by_address.recipient = members.email_hash

),

-- One mail an address, though several accounts share it: the oldest account gets it.
numbered as (

    select
        *,
        case when first_reason is null and language is null then 'language' else first_reason end as rule_reason,
        row_number() over (
            partition by campaign, address_hash, first_reason is null and language is not null
            order by created_at, account_id
        ) as of_address
    from known

)

select
    *,
    case when rule_reason is null and of_address > 1 then 'address_taken' else rule_reason end as reason
from numbered
