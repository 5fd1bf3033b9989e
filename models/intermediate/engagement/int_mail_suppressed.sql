{{ config(materialized='whole', reads={'stg_members__accounts': 'latest'}) }}
-- A bad mailbox is a fact about an address; a complaint or a leaving is one about a person, and so about all accounts
-- at her address. Mails of ours are found by their key; of mails of others the gateway tells the account.
with addresses as (

    select account_id, email_hash from {{ ref('int_mail_members') }}

),

events as (

    select
        events.send_key,
        events.account_id,
        'all' as topic,
        'bad_mailbox' as reason,
        events.occurred_at
    from {{ ref('fct_mail_events') }} as events
    inner join {{ ref('mail_replies') }} as replies on replies.enhanced_status = events.enhanced_status
    where events.event_kind = 'bounce' and replies.verdict = 'bad_mailbox'
    union all
    select send_key, account_id, 'all' as topic, 'complained' as reason, occurred_at
    from {{ ref('fct_mail_events') }}
    where event_kind = 'complaint'
    union all
    select send_key, account_id, coalesce(topic, 'all') as topic, 'unsubscribed' as reason, occurred_at
    from {{ ref('fct_mail_events') }}
    where event_kind = 'unsubscribe'
    union all
    select sends.send_key, sends.account_id, 'all' as topic, 'bad_mailbox' as reason, sends.occurred_at
    from {{ ref('fct_sends') }} as sends
    inner join {{ ref('mail_replies') }} as replies on replies.enhanced_status = sends.enhanced_status
    where sends.state = 'failed' and replies.verdict = 'bad_mailbox'
    union all
    select
        cast(null as varchar) as send_key,
        account_id,
        'all' as topic,
        'erased' as reason,
        cast(erased_on as timestamp) as occurred_at
    from {{ ref('stg_nightshift__erasures') }}

),

named as (

    select
        events.topic,
        events.reason,
        events.occurred_at,
        coalesce(sends.account_id, events.account_id) as account_id,
        coalesce(sends.address_hash, addresses.email_hash) as address_hash,
        sends.address_hash is not null as is_address_known
    from events
    left join {{ ref('fct_sends') }} as sends on sends.send_key = events.send_key
    left join addresses on addresses.account_id = coalesce(sends.account_id, events.account_id)

),

recipients as (

    select 'address' as recipient_kind, address_hash as recipient, topic, reason, occurred_at
    from named
    where reason <> 'bad_mailbox' or is_address_known
    union all
    select 'account' as recipient_kind, account_id as recipient, topic, reason, occurred_at
    from named
    where reason <> 'bad_mailbox' or not is_address_known

)

select recipient_kind, recipient, topic, reason, max(occurred_at) as suppressed_at
from recipients
where recipient is not null
group by recipient_kind, recipient, topic, reason
