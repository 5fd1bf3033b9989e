{{ config(day='revenue_on', reads={'fct_invoice_lines': 'day', 'fct_credit_notes': 'day', 'fct_ad_revenue': 'day'}) }}
with movements as (

    select
        issued_on as revenue_on, country, plan_code, currency, account_id,
        gross_amount, discount_amount, tax_amount,
        0.00 as refunds_amount, 0.00 as credits_amount, 0.00 as returned_tax_amount, 0.00 as advertising_amount
    from {{ ref('fct_invoice_lines') }}
    where {{ stale_days('issued_on') }}
    union all
    select
        issued_on as revenue_on, country, plan_code, currency, account_id,
        0.00 as gross_amount, 0.00 as discount_amount, 0.00 as tax_amount,
        case when kind = 'refund' then net_amount else 0.00 end as refunds_amount,
        case when kind = 'refund' then 0.00 else net_amount end as credits_amount,
        tax_amount as returned_tax_amount, 0.00 as advertising_amount
    from {{ ref('fct_credit_notes') }}
    where {{ stale_days('issued_on') }}
    union all
    select
        revenue_on, country, plan_code, currency, null as account_id,
        0.00 as gross_amount, 0.00 as discount_amount, 0.00 as tax_amount,
        0.00 as refunds_amount, 0.00 as credits_amount, 0.00 as returned_tax_amount, amount as advertising_amount
    from {{ ref('fct_ad_revenue') }}
    where {{ stale_days('revenue_on') }}

),

sums as (

    select
        revenue_on,
        coalesce(country, 'ZZ') as country,
        coalesce(plan_code, 'unknown') as plan_code,
        currency,
        cast(sum(gross_amount) as decimal(18, 2)) as gross_amount,
        cast(sum(discount_amount) as decimal(18, 2)) as discount_amount,
        cast(sum(tax_amount) as decimal(18, 2)) as tax_amount,
        cast(sum(refunds_amount) as decimal(18, 2)) as refunds_amount,
        cast(sum(credits_amount) as decimal(18, 2)) as credits_amount,
        cast(sum(returned_tax_amount) as decimal(18, 2)) as returned_tax_amount,
        cast(sum(advertising_amount) as decimal(18, 2)) as advertising_amount,
        count(distinct account_id) as members_billed
    from movements
    group by revenue_on, coalesce(country, 'ZZ'), coalesce(plan_code, 'unknown'), currency

)

select
    revenue_on,
    country,
    plan_code,
    currency,
    gross_amount,
    discount_amount,
    tax_amount,
    refunds_amount,
    credits_amount,
    cast(gross_amount - discount_amount - tax_amount - refunds_amount - credits_amount as decimal(18, 2)) as net_amount,
    returned_tax_amount,
    advertising_amount,
    members_billed
from sums
