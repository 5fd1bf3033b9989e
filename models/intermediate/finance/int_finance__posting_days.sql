{{ config(materialized='whole') }}
-- A day in a closed month accepts nothing any more: what is due for it goes to the first day of the first open month.
with closed as (

    select max(month) as last_month, {{ add_periods('max(month)', 1, 'month') }} as first_open_on
    from {{ ref('int_finance__closed_months') }}

),

days as (

    select distinct occurred_on, not_before from {{ ref('int_finance__journal_due') }}

),

final as (

    select
        days.occurred_on,
        days.not_before,
        closed.first_open_on as posts_on,
        concat('late: ', substr(cast(days.not_before as {{ dbt.type_string() }}), 1, 7), ' is closed') as reason,
        days.occurred_on as valid_from,
        {{ add_periods('days.occurred_on', 1, 'day') }} as valid_to
    from days
    inner join closed on days.not_before < closed.first_open_on

)

select * from final
