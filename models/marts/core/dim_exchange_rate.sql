{{ config(materialized='whole') }}
select
    currency,
    units_per_euro,
    rated_on as valid_from,
    lead(rated_on) over (partition by currency order by rated_on) as valid_to
from {{ ref('int_rates__euro_rates') }}
