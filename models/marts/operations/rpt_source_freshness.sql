{{ config(materialized='whole') }}
-- A table is expected as often as it came: its longest wait between two days with a dump, in the weeks before.
with arrived as (

    select
        backend,
        table_name,
        arrived_on,
        count(*) as dumps,
        cast(sum(row_count) as bigint) as row_count
    from {{ source('ops', 'visible_dumps') }}
    where kind <> 'commitment'
    group by backend, table_name, arrived_on

),

waited as (

    select
        *,
        {{ days_between('lag(arrived_on) over (partition by backend, table_name order by arrived_on)', 'arrived_on') }}
            as waited_days,
        row_number() over (partition by backend, table_name order by arrived_on desc) as place
    from arrived

),

newest as (

    select max(on_date) as on_date from {{ source('ops', 'horizon') }}

),

tables as (

    select
        backend,
        table_name,
        max(arrived_on) as last_arrived_on,
        cast(max(case when place = 1 then row_count end) as bigint) as last_rows,
        max(case when place <= 28 then waited_days end) as usual_days
    from waited
    group by backend, table_name

)

select
    tables.backend,
    tables.table_name,
    tables.last_arrived_on,
    {{ days_between('tables.last_arrived_on', 'newest.on_date') }} as days_ago,
    tables.usual_days,
    coalesce({{ days_between('tables.last_arrived_on', 'newest.on_date') }} > tables.usual_days, false) as is_overdue,
    tables.last_rows
from tables
cross join newest
