{{ config(day='played_on', reads={'fct_plays': 'day'}) }}
{%- set limit = rule_threshold %}
-- Who plays a track all night sleeps to it: that is not repeating it.
with per_account as (

    select
        played_on,
        track_id,
        account_id,
        max(country) as country,
        count(*) as streams
    from {{ ref('fct_plays') }}
    where {{ stale_days('played_on') }} and ms_played >= {{ var('stream_ms') }}
    group by played_on, track_id, account_id

),

repeated as (

    select
        *,
        streams >= {{ limit('pushed_track', 'plays_each') }}
        and streams <= {{ limit('pushed_track', 'plays_most') }} as is_repeated
    from per_account

),

by_country as (

    select
        played_on,
        track_id,
        country,
        sum(streams) as streams
    from per_account
    group by played_on, track_id, country

),

top_country as (

    select
        played_on,
        track_id,
        max(streams) as streams_of_top_country
    from by_country
    group by played_on, track_id

)

select
    repeated.played_on,
    repeated.track_id,
    sum(repeated.streams) as streams,
    count(*) as accounts,
    count(case when repeated.is_repeated then 1 end) as repeating_accounts,
    sum(case when repeated.is_repeated then repeated.streams else 0 end) as repeated_streams,
    max(top_country.streams_of_top_country) as streams_of_top_country
from repeated
inner join top_country
    on top_country.played_on = repeated.played_on and top_country.track_id = repeated.track_id
group by repeated.played_on, repeated.track_id
