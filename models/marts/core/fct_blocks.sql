{{ config(day='changed_on', reads={'stg_members__blocks': 'day'}) }}
with blocks as (

    {{ newest_copies(ref('stg_members__blocks'), day='changed_on', key='block_id') }}

)

select
    block_id,
    account_id,
    item_kind,
    item_id,
    is_on,
    changed_at,
    changed_on,
    _dump_id
from blocks
