{{ config(materialized='whole') }}
-- Whoever has listened since the last list, and whoever never had one. The others keep theirs. By number, those for
-- whom the same is offered stand together.
with listening as (

    select account_id, max(played_on) as last_played_on
    from {{ ref('int_discovery__listening') }}
    group by account_id

),

served as (

    select account_id, max(served_on) as served_on
    from {{ ref('int_discovery__served') }}
    group by account_id

)

select
    cast(row_number() over (order by members.country, members.explicit_content, members.account_id) as integer)
        as listener_no,
    members.account_id,
    members.country,
    members.explicit_content,
    served.served_on as last_served_on,
    -- 13 in 256: a group that gets what is popular, so that the effect of the rest can be measured
    substring(md5(concat('holdout ', members.account_id)), 1, 2) < '0d' as is_holdout
from {{ ref('dim_member') }} as members
left join listening on listening.account_id = members.account_id
left join served on served.account_id = members.account_id
where
    members.closed_on is null
    and members.removed_on is null
    and (served.served_on is null or listening.last_played_on >= served.served_on)
