{{ config(materialized='view') }}
select distinct royalty_month, audience_number, territory, plan_code, currency
from {{ ref('int_royalties__subscribers') }}
