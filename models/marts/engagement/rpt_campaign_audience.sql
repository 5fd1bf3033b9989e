{{ config(materialized='whole', reads={'stg_members__accounts': 'latest', 'stg_members__consents': 'latest'}) }}
with candidates as (

    select * from {{ ref('int_campaign_candidates') }}

),

-- Who passes all other rules takes her turns in the order of the campaigns' priorities.
eligible as (

    select
        *,
        row_number() over (partition by address_hash order by priority, campaign) as turn
    from candidates
    where reason is null

),

capped as (

    {{ within_the_cap('eligible') }}

),

judged as (

    select
        candidates.campaign,
        candidates.period,
        candidates.account_id,
        candidates.send_on,
        case
            when candidates.reason is not null then candidates.reason
            when not capped.is_within_cap then 'frequency_cap'
            when candidates.lot < candidates.holdout_lots then 'holdout'
            else 'included'
        end as outcome,
        candidates.topic,
        candidates.priority,
        candidates.address_hash,
        candidates.recent_mails,
        candidates.consent_changed_at,
        candidates.language,
        candidates.time_zone,
        candidates.country,
        greatest(candidates.earliest_minute, candidates.country_earliest) as earliest_minute,
        least(candidates.latest_minute, candidates.country_latest) as latest_minute
    from candidates
    left join capped on capped.campaign = candidates.campaign and capped.account_id = candidates.account_id
    union all
    select
        due.campaign,
        due.period,
        members.account_id,
        due.send_on,
        'not_in_audience' as outcome,
        due.topic,
        due.priority,
        members.email_hash as address_hash,
        cast(null as bigint) as recent_mails,
        cast(null as timestamp) as consent_changed_at,
        cast(null as varchar) as language,
        members.time_zone,
        members.country,
        cast(null as integer) as earliest_minute,
        cast(null as integer) as latest_minute
    from {{ ref('int_campaign_periods') }} as due
    cross join {{ ref('int_mail_members') }} as members
    left join {{ ref('int_campaign_audiences') }} as audiences
        on audiences.campaign = due.campaign and audiences.account_id = members.account_id
    where due.is_due and audiences.account_id is null

)

select *, outcome = 'included' as is_included, {{ outcome_in_words('outcome') }} as outcome_text
from judged
