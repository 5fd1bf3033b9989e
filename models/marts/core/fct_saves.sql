{{ config(day='changed_on', reads={'stg_members__saves': 'day'}) }}
with saves as (

    {{ newest_copies(ref('stg_members__saves'), day='changed_on', key='save_id') }}

)

select
    save_id,
    account_id,
    track_id,
    is_on,
    changed_at,
    changed_on,
    _dump_id
from saves
