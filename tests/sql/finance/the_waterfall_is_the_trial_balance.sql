-- Deferred revenue of the waterfall and of the trial balance, month by month and currency by currency.
with waterfall as (

    select month, currency, sum(closing_amount) as closing_amount
    from {{ ref('deferred_revenue_waterfall') }}
    group by month, currency

),

balance as (

    select trial_balance.month, trial_balance.currency, -sum(trial_balance.closing_amount) as closing_amount
    from {{ ref('trial_balance') }} as trial_balance
    inner join {{ ref('accounts') }} as accounts
        on accounts.account_code = trial_balance.account_code
        and accounts.role = 'deferred_revenue'
    group by trial_balance.month, trial_balance.currency

)

select coalesce(waterfall.month, balance.month) as month, coalesce(waterfall.currency, balance.currency) as currency
from waterfall
full outer join balance on balance.month = waterfall.month and balance.currency = waterfall.currency
where coalesce(waterfall.closing_amount, 0) <> coalesce(balance.closing_amount, 0)
