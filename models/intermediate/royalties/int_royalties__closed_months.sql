{{ config(access='public', materialized='whole') }}
-- The months whose statements are issued. What a killed closing had committed before the month itself does not count.
select month as royalty_month, min(closed_on) as closed_on
from {{ ref('stg_nightshift__closed_months') }}
where books = 'royalties'
group by month
