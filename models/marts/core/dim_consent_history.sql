{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_members__consents_changes'), key=['account_id', 'topic'], created='changed_at') }}

)

select
    account_id,
    topic,
    is_given,
    changed_at,
    source,
    since as valid_from,
    until as valid_to
from versions
where change_kind <> 'deleted'
