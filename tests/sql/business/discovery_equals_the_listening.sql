-- Where listening comes from adds up to the listening: the same plays and streams on every day, country and plan.
with by_context as (

    select played_on, country, plan_code, sum(plays) as plays, sum(streams) as streams
    from {{ ref('discovery_daily') }}
    where {{ changed_days('discovery_daily', 'played_on') }}
    group by played_on, country, plan_code

),

listening as (

    select played_on, country, plan_code, plays, streams
    from {{ ref('listening_daily') }}
    where {{ changed_days('discovery_daily', 'played_on') }}

)

select
    coalesce(by_context.played_on, listening.played_on) as played_on,
    coalesce(by_context.country, listening.country) as country,
    coalesce(by_context.plan_code, listening.plan_code) as plan_code,
    by_context.streams,
    listening.streams as streams_listened
from by_context
full outer join listening
    on listening.played_on = by_context.played_on
    and listening.country = by_context.country
    and listening.plan_code = by_context.plan_code
where
    coalesce(by_context.plays, 0) <> coalesce(listening.plays, 0)
    or coalesce(by_context.streams, 0) <> coalesce(listening.streams, 0)
