{{ config(day='month', unit='month', reads={'int_finance__mrr': 240}) }}
with mrr as (

    select *
    from {{ ref('int_finance__mrr') }}
    where {{ stale_days('month') }}

),

months as (

    select distinct month from mrr

),

before as (

    select
        months.month,
        earlier.account_id,
        earlier.currency,
        sum(case when earlier.month = {{ add_periods('months.month', -1, 'month') }} then earlier.mrr_amount else 0 end)
            as opening_amount
    from months
    inner join {{ ref('int_finance__mrr') }} as earlier on earlier.month < months.month
    where {{ stale_days('earlier.month', lookback=240) }}
    group by months.month, earlier.account_id, earlier.currency

),

compared as (

    select
        coalesce(mrr.month, before.month) as month,
        coalesce(mrr.account_id, before.account_id) as account_id,
        coalesce(mrr.currency, before.currency) as currency,
        cast(coalesce(before.opening_amount, 0) as decimal(18, 2)) as opening_amount,
        cast(coalesce(mrr.mrr_amount, 0) as decimal(18, 2)) as closing_amount,
        before.account_id is null as is_first
    from mrr
    full outer join before
        on before.month = mrr.month
        and before.account_id = mrr.account_id
        and before.currency = mrr.currency

)

select
    month,
    account_id,
    currency,
    case
        when is_first then 'new'
        when opening_amount = 0 then 'reactivation'
        when closing_amount = 0 then 'churn'
        when closing_amount > opening_amount then 'expansion'
        when closing_amount < opening_amount then 'contraction'
        else 'unchanged'
    end as category,
    opening_amount,
    cast(closing_amount - opening_amount as decimal(18, 2)) as movement_amount,
    closing_amount
from compared
where opening_amount <> 0 or closing_amount <> 0
