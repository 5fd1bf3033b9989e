{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(
        ref('int_members__accounts_changes'),
        key='account_id', created='created_at', updated='updated_at'
    ) }}

)

select
    account_id,
    country,
    time_zone,
    language,
    birth_year_band,
    acquisition_channel,
    status,
    explicit_content,
    since as valid_from,
    until as valid_to
from versions
where change_kind <> 'deleted'
