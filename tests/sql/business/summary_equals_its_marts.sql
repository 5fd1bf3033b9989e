-- The executive summary repeats what other marts say: the same streams, hours, members and euros on every day.
with summary as (

    select day, streams, members, cast(net_revenue_eur * 100 as bigint) as euro_cents
    from {{ ref('executive_summary_daily') }}
    where {{ changed_days('executive_summary_daily', 'day') }}

),

listening as (

    select played_on as day, sum(streams) as streams
    from {{ ref('listening_daily') }}
    where {{ changed_days('executive_summary_daily', 'played_on') }}
    group by played_on

),

subscriptions as (

    select day, sum(members) as members
    from {{ ref('subscriptions_daily') }}
    where {{ changed_days('executive_summary_daily', 'day') }}
    group by day

),

revenue as (

    select revenue_on as day, cast(sum(net_revenue_eur) * 100 as bigint) as euro_cents
    from {{ ref('revenue_eur_daily') }}
    where {{ changed_days('executive_summary_daily', 'revenue_on') }}
    group by revenue_on

)

select
    summary.day,
    summary.streams,
    listening.streams as streams_listened,
    summary.members,
    subscriptions.members as members_subscribed,
    summary.euro_cents,
    revenue.euro_cents as euro_cents_billed
from summary
left join listening on listening.day = summary.day
left join subscriptions on subscriptions.day = summary.day
left join revenue on revenue.day = summary.day
where
    summary.streams <> coalesce(listening.streams, 0)
    or summary.members <> coalesce(subscriptions.members, 0)
    or summary.euro_cents <> coalesce(revenue.euro_cents, 0)
