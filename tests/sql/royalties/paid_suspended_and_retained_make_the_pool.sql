-- Every pool, to the cent, in its currency.
select royalty_month, territory, plan_code, licensor_id, currency
from {{ ref('fct_pools') }}
where
    {{ changed_days('fct_pools', 'royalty_month') }}
    and pool_amount <> paid_amount + suspended_amount + retained_amount
