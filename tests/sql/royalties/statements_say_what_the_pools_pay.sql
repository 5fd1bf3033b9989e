-- What has been said of a month and what is due about it make what its pools pay today.
with said as (

    select play_month as royalty_month, territory, plan_code, licensor_id, currency, sum(amount) as amount
    from {{ ref('fct_statement_lines') }}
    where {{ changed_days('fct_statement_lines', 'play_month') }} and recording_id is not null
    group by play_month, territory, plan_code, licensor_id, currency

)

select
    pools.royalty_month, pools.territory, pools.plan_code, pools.licensor_id, pools.currency, pools.paid_amount,
    said.amount
from {{ ref('fct_pools') }} as pools
left join said
    on {{ same('said', 'pools', pool_key()) }}
where {{ changed_days('fct_statement_lines', 'pools.royalty_month') }} and pools.paid_amount <> coalesce(said.amount, 0)
