{{ config(day='occurred_on', reads={
    'stg_mail__deliveries': 'day', 'stg_mail__bounces': 'day', 'stg_mail__complaints': 'day',
    'stg_mail__unsubscribes': 'day', 'stg_mail__clicks': 'day'}) }}
with deliveries as (

    {{ newest_copies(ref('stg_mail__deliveries'), day='occurred_on', key='delivery_id') }}

),

bounces as (

    {{ newest_copies(ref('stg_mail__bounces'), day='occurred_on', key='bounce_id') }}

),

complaints as (

    {{ newest_copies(ref('stg_mail__complaints'), day='occurred_on', key='complaint_id') }}

),

unsubscribes as (

    {{ newest_copies(ref('stg_mail__unsubscribes'), day='occurred_on', key='unsubscribe_id') }}

),

clicks as (

    {{ newest_copies(ref('stg_mail__clicks'), day='occurred_on', key='click_id') }}

)

select {{ mail_event('delivery_id', "'delivery'", smtp_code='smtp_code', enhanced_status='enhanced_status') }}
from deliveries
union all
select {{ mail_event('bounce_id', "'bounce'", smtp_code='smtp_code', enhanced_status='enhanced_status') }}
from bounces
union all
select {{ mail_event('complaint_id', "'complaint'") }}
from complaints
where feedback_type <> 'not-spam'
union all
select {{ mail_event('unsubscribe_id', "'unsubscribe'", topic='topic', link='method') }}
from unsubscribes
union all
select {{ mail_event('click_id', 'kind', link='link') }}
from clicks
