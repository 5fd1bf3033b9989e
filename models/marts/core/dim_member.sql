{{ config(materialized='whole') }}
with versions as (

    {{ versions_of(ref('int_members__accounts_changes'), key='account_id') }}

),

plans as (

    select account_id, plan_code, state
    from {{ ref('dim_member_plan_history') }}
    where valid_to is null

)

select
    versions.account_id,
    versions.country,
    versions.time_zone,
    versions.language,
    versions.birth_year_band,
    versions.acquisition_channel,
    versions.status,
    versions.explicit_content,
    plans.plan_code,
    plans.state as subscription_state,
    cast(versions.created_at as date) as created_on,
    cast(versions.closed_at as date) as closed_on,
    case when versions.change_kind = 'deleted' then versions.changed_on end as removed_on
from versions
left join plans on plans.account_id = versions.account_id
where versions.until is null
