{{
  config(day='day', reads={
    'revenue_eur_daily': 'day', 'subscriptions_daily': 'day', 'discovery_daily': 'day', 'fct_searches': 'day',
    'fct_payments': 'day',
  })
}}
-- What can be added up over days and countries, each measure from its own mart: one measure a line, then one line
-- a day.
with measures as (

    select revenue_on as day, country, 'net_euro_cents' as measure, {{ cents('net_revenue_eur') }} as amount
    from {{ ref('revenue_eur_daily') }}
    where {{ stale_days('revenue_on') }}
    union all
    select
        revenue_on as day,
        country,
        'advertising_euro_cents' as measure,
        {{ cents('advertising_revenue_eur') }} as amount
    from {{ ref('revenue_eur_daily') }}
    where {{ stale_days('revenue_on') }}
    union all
    select day, country, 'members' as measure, members as amount
    from {{ ref('subscriptions_daily') }}
    where {{ stale_days('day') }}
    union all
    select day, country, 'in_trial' as measure, in_trial as amount
    from {{ ref('subscriptions_daily') }}
    where {{ stale_days('day') }}
    union all
    select day, country, 'paying' as measure, active + past_due as amount
    from {{ ref('subscriptions_daily') }}
    where plan_code <> 'free' and {{ stale_days('day') }}
    union all
    select day, country, 'trials_started' as measure, trials_started as amount
    from {{ ref('subscriptions_daily') }}
    where {{ stale_days('day') }}
    union all
    select day, country, 'started' as measure, started as amount
    from {{ ref('subscriptions_daily') }}
    where plan_code <> 'free' and {{ stale_days('day') }}
    union all
    select day, country, 'ended' as measure, ended as amount
    from {{ ref('subscriptions_daily') }}
    where plan_code <> 'free' and {{ stale_days('day') }}
    union all
    select played_on as day, country, 'plays' as measure, plays as amount
    from {{ ref('discovery_daily') }}
    where {{ stale_days('played_on') }}
    union all
    select played_on as day, country, 'streams' as measure, streams as amount
    from {{ ref('discovery_daily') }}
    where {{ stale_days('played_on') }}
    union all
    select played_on as day, country, 'streams_recommendation' as measure, streams as amount
    from {{ ref('discovery_daily') }}
    where context = 'recommendation' and {{ stale_days('played_on') }}
    union all
    select played_on as day, country, 'ms_played' as measure, ms_played as amount
    from {{ ref('discovery_daily') }}
    where {{ stale_days('played_on') }}
    union all
    select searched_on as day, country, 'searches' as measure, 1 as amount
    from {{ ref('fct_searches') }}
    where {{ stale_days('searched_on') }}
    union all
    select searched_on as day, country, 'searches_without_result' as measure, 1 as amount
    from {{ ref('fct_searches') }}
    where results_shown = 0 and {{ stale_days('searched_on') }}
    union all
    select attempted_on as day, network_country as country, 'payments' as measure, 1 as amount
    from {{ ref('fct_payments') }}
    where {{ stale_days('attempted_on') }}
    union all
    select attempted_on as day, network_country as country, 'payments_declined' as measure, 1 as amount
    from {{ ref('fct_payments') }}
    where result = 'declined' and {{ stale_days('attempted_on') }}

)

-- Members of a day of which nothing is known are unknown; what happened to nobody is 0.
select
    day,
    coalesce(country, 'ZZ') as country,
    {%- for measure in ['members', 'in_trial', 'paying'] %}
        cast(sum(case when measure = '{{ measure }}' then amount end) as bigint) as {{ measure }},
    {%- endfor %}
    {%- for measure in [
        'net_euro_cents', 'advertising_euro_cents', 'trials_started', 'started', 'ended', 'plays', 'streams',
        'streams_recommendation', 'ms_played', 'searches', 'searches_without_result', 'payments',
    ] %}
        cast(sum(case when measure = '{{ measure }}' then amount else 0 end) as bigint) as {{ measure }},
    {%- endfor %}
    cast(sum(case when measure = 'payments_declined' then amount else 0 end) as bigint) as payments_declined
from measures
group by day, coalesce(country, 'ZZ')
