{{ config(materialized='whole') }}
-- What became of the lists: a listener's week after a list was served, against what was on it. Lists whose week is not
-- over yet wait.
with as_of as (

    select max(played_on) as last_day from {{ ref('int_discovery__listening') }}

),

served as (

    select
        served_on,
        account_id,
        item_id as track_id,
        min(rank) as rank,
        max(case when rank <= 10 then cast(1000000 / log2(rank + 1) as bigint) else 0 end) as gain,
        min(model_version) as model_version,
        min(case when is_holdout then 'popular' else 'personal' end) as list_kind
    from {{ ref('stg_nightshift__recommendations_served') }}
    group by served_on, account_id, item_id

),

heard as (

    select distinct served.served_on, served.account_id, listening.track_id
    from (select distinct served_on, account_id from served) as served
    inner join {{ ref('int_discovery__listening') }} as listening
        on listening.account_id = served.account_id
        and listening.played_on >= served.served_on
        and listening.played_on < {{ add_periods('served.served_on', 7, 'day') }}

),

popularity as (

    select track_id, cast(count(distinct account_id) as bigint) as listeners
    from {{ ref('int_discovery__listening') }}
    group by track_id

),

of_listener as (

    select
        served.served_on,
        served.account_id,
        max(served.list_kind) as list_kind,
        min(served.model_version) as model_version,
        count(heard.track_id) as heard_tracks,
        count(case when served.rank <= 10 then heard.track_id end) as heard_of_ten,
        -- in millionths: whole numbers add up alike in any order
        cast(sum(case when heard.track_id is not null then served.gain else 0 end) as bigint) as gain_at_10,
        cast(sum(coalesce(popularity.listeners, 0)) as bigint) as listeners_of_tracks,
        count(*) as places
    from served
    left join heard
        on heard.served_on = served.served_on
        and heard.account_id = served.account_id
        and heard.track_id = served.track_id
    left join popularity on popularity.track_id = served.track_id
    group by served.served_on, served.account_id

),

of_group as (

    select
        of_listener.*,
        members.country,
        case
            when {{ days_between('members.created_on', 'of_listener.served_on') }} < 30 then 'new'
            else 'settled'
        end as account_age
    from of_listener
    cross join as_of
    inner join {{ ref('dim_member') }} as members on members.account_id = of_listener.account_id
    where {{ add_periods('of_listener.served_on', 7, 'day') }} <= as_of.last_day

)

select
    served_on,
    model_version,
    list_kind,
    country,
    account_age,
    count(*) as listeners,
    count(case when heard_tracks > 0 then 1 end) as listeners_who_heard,
    cast(sum(heard_tracks) as bigint) as heard_tracks,
    cast(sum(heard_of_ten) as bigint) as heard_of_ten,
    cast(sum(gain_at_10) as bigint) as gain_at_10,
    cast(sum(listeners_of_tracks) as bigint) as listeners_of_tracks,
    cast(sum(places) as bigint) as places
from of_group
group by served_on, model_version, list_kind, country, account_age
