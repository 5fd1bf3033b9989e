-- Every cent of the invoice lines, credit notes and advertising of a day is in business.revenue_daily, none twice.
with expected as (

    select revenue_on, currency, sum(net_amount) as net_amount, sum(advertising_amount) as advertising_amount
    from (
        select issued_on as revenue_on, currency, net_amount, 0.00 as advertising_amount
        from {{ ref('fct_invoice_lines') }}
        union all
        select issued_on as revenue_on, currency, -net_amount as net_amount, 0.00 as advertising_amount
        from {{ ref('fct_credit_notes') }}
        union all
        select revenue_on, currency, 0.00 as net_amount, amount as advertising_amount from {{ ref('fct_ad_revenue') }}
    ) as documents
    where {{ changed_days('revenue_daily', 'revenue_on') }}
    group by revenue_on, currency

),

found as (

    select revenue_on, currency, sum(net_amount) as net_amount, sum(advertising_amount) as advertising_amount
    from {{ ref('revenue_daily') }}
    where {{ changed_days('revenue_daily', 'revenue_on') }}
    group by revenue_on, currency

)

select
    coalesce(expected.revenue_on, found.revenue_on) as revenue_on,
    coalesce(expected.currency, found.currency) as currency,
    expected.net_amount as net_of_the_documents,
    found.net_amount as net_here,
    expected.advertising_amount as advertising_billed,
    found.advertising_amount as advertising_here
from expected
full outer join found on found.revenue_on = expected.revenue_on and found.currency = expected.currency
where
    expected.net_amount is distinct from found.net_amount
    or expected.advertising_amount is distinct from found.advertising_amount
