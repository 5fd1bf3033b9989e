{{ config(materialized='whole') }}
with quarantined as (

    select
        backend,
        table_name,
        arrived_on,
        layer,
        reason,
        cast(sum(row_count) as bigint) as row_count
    from {{ source('ops', 'quarantined') }}
    group by backend, table_name, arrived_on, layer, reason

),

landed as (

    select
        backend,
        table_name,
        arrived_on,
        sum(row_count) as rows_landed
    from {{ source('ops', 'visible_dumps') }}
    group by backend, table_name, arrived_on

),

refused as (

    select
        backend,
        table_name,
        arrived_on,
        sum(row_count) as rows_refused
    from quarantined
    where layer = 'door'
    group by backend, table_name, arrived_on

),

final as (

    select
        quarantined.backend,
        quarantined.table_name,
        quarantined.arrived_on,
        quarantined.layer,
        quarantined.reason,
        quarantined.row_count as rows_quarantined,
        cast(landed.rows_landed + coalesce(refused.rows_refused, 0) as bigint) as rows_arrived
    from quarantined
    inner join landed
        on quarantined.backend = landed.backend
        and quarantined.table_name = landed.table_name
        and quarantined.arrived_on = landed.arrived_on
    left join refused
        on quarantined.backend = refused.backend
        and quarantined.table_name = refused.table_name
        and quarantined.arrived_on = refused.arrived_on

)

select * from final
