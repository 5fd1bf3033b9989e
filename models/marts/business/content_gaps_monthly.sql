{{ config(day='month', unit='month', reads={'fct_searches': 'day'}) }}
-- What fewer than five people looked for may be a name: it counts under (rare).
with searches as (

    select
        cast(date_trunc('month', searched_on) as date) as month,
        country,
        lower(trim(query)) as query,
        account_id,
        results_shown,
        clicked_id
    from {{ ref('fct_searches') }}
    where {{ stale_days('searched_on') }}

),

asked as (

    select month, country, query, count(distinct account_id) as searchers
    from searches
    group by month, country, query

),

named as (

    select searches.*, case when asked.searchers >= 5 then searches.query else '(rare)' end as shown_query
    from searches
    inner join asked
        on asked.month = searches.month
        and asked.country = searches.country
        and asked.query = searches.query

)

select
    month,
    country,
    shown_query as query,
    count(*) as searches,
    count(distinct account_id) as searchers,
    count(case when results_shown = 0 then 1 end) as searches_without_result,
    count(case when results_shown > 0 and clicked_id is null then 1 end) as searches_without_click
from named
group by month, country, shown_query
