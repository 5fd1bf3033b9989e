{{ config(day='changed_on', reads={'stg_members__follows': 'day'}) }}
with follows as (

    {{ newest_copies(ref('stg_members__follows'), day='changed_on', key='follow_id') }}

)

select
    follow_id,
    account_id,
    artist_id,
    is_on,
    changed_at,
    changed_on,
    _dump_id
from follows
