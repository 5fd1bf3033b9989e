{{
  config(day='month', unit='month', reads={
    'fct_invoice_lines': 'day', 'fct_credit_notes': 'day', 'dim_exchange_rate': 'sliced',
    'int_business__cohorts': 240,
  })
}}
-- Money of somebody who has not played anything yet belongs to the cohort of the month it came in.
with documents as (

    select
        cast(date_trunc('month', issued_on) as date) as month, account_id, country, plan_code, currency, issued_on,
        net_amount
    from {{ ref('fct_invoice_lines') }}
    where {{ stale_days('issued_on') }}
    union all
    select
        cast(date_trunc('month', issued_on) as date) as month, account_id, country, plan_code, currency, issued_on,
        -net_amount as net_amount
    from {{ ref('fct_credit_notes') }}
    where {{ stale_days('issued_on') }}

),

converted as (

    select
        documents.month,
        documents.account_id,
        documents.country,
        documents.plan_code,
        {{ euro_cents('documents.net_amount', 'rates') }} as euro_cents
    from documents
    inner join {{ ref('dim_exchange_rate') }} as rates
        on rates.currency = documents.currency
        and {{ valid_on('rates', 'documents.issued_on') }}

)

select
    converted.month,
    coalesce(cohorts.cohort_month, converted.month) as cohort_month,
    coalesce(cohorts.country, converted.country, 'ZZ') as country,
    coalesce(cohorts.acquisition_channel, 'unknown') as acquisition_channel,
    coalesce(cohorts.first_plan_code, converted.plan_code, 'none') as first_plan_code,
    cast(sum(converted.euro_cents) as bigint) as euro_cents,
    count(distinct converted.account_id) as members_billed
from converted
left join {{ ref('int_business__cohorts') }} as cohorts
    on cohorts.account_id = converted.account_id
    and cohorts.cohort_month <= converted.month
    and {{ stale_days('cohorts.cohort_month', lookback=240) }}
group by
    converted.month,
    coalesce(cohorts.cohort_month, converted.month),
    coalesce(cohorts.country, converted.country, 'ZZ'),
    coalesce(cohorts.acquisition_channel, 'unknown'),
    coalesce(cohorts.first_plan_code, converted.plan_code, 'none')
