{#
  ops.contracts: what this build asks of each landed table. ops.quarantined: what is kept out of the models, at the door
  (by the manifest) and in staging (by the rule). ops.discrepancies: each sentence that is not true of what landed.
#}
{% macro staging_views_sql() %}
  {%- set rows = [] -%}
  {%- for node in graph.sources.values() if node.config.meta.get('kind') -%}
    {%- set meta = node.config.meta -%}
    {%- do rows.append("('" ~ [node.source_name, node.name, meta.kind, rules_version(node) if meta.get('rules') else 'no rules', counting_version(node)] | join("', '") ~ "', " ~ meta.get('quarantine_above', 0.01) ~ ")") -%}
  {%- endfor -%}
  {{- return([
    "create or replace view ops.contracts as
      select * from (values " ~ (rows | join(', ') or "('', '', '', '', '', 0.0)") ~ ") as contracts (backend, table_name, kind, rules_version, counting_version, quarantine_above)",
    "create or replace view ops.quarantined as " ~ quarantined_sql(),
    "create or replace view ops.discrepancies as " ~ discrepancies_sql(),
  ]) -}}
{% endmacro %}

{# One row per table, arrival day, layer and reason. #}
{% macro quarantined_sql() %}
    with kept_out as (

        select backend, table_name, dump_id, arrived_on, 'door' as layer, reason, row_count
        from ops.landed_refusals
        union all
        select sifted.backend, sifted.table_name, sifted.dump_id, sifted.arrived_on, 'staging', sifted.outcome, cast(sifted.amount as bigint)
        from ops.sifted as sifted
        inner join ops.contracts as contracts
            on sifted.backend = contracts.backend and sifted.table_name = contracts.table_name and sifted.version = contracts.rules_version
        where sifted.measure = 'rows' and sifted.outcome not in ('kept', 'nothing')

    )

    select
        dumps.backend,
        dumps.table_name,
        dumps.arrived_on,
        kept_out.layer,
        kept_out.reason,
        cast(sum(kept_out.row_count) as bigint) as row_count
    from kept_out
    inner join ops.visible_dumps as dumps
        on kept_out.backend = dumps.backend and kept_out.table_name = dumps.table_name
        and kept_out.dump_id = dumps.dump_id and kept_out.arrived_on = dumps.arrived_on
    group by dumps.backend, dumps.table_name, dumps.arrived_on, kept_out.layer, kept_out.reason
{% endmacro %}

{#
  One row per dump (or arrival day, for the threshold) and sentence that is not true of it, with the two figures.
  What the source declared is compared where nothing was refused or lost: nobody knows what stood in an unreadable line.
#}
{% macro discrepancies_sql() %}
    with refused as (

        select
            backend,
            table_name,
            dump_id,
            arrived_on,
            sum(row_count) as row_count
        from ops.landed_refusals
        group by backend, table_name, dump_id, arrived_on

    ),

    dumps as (

        select
            visible.backend,
            visible.table_name,
            visible.dump_id,
            visible.arrived_on,
            visible.row_count as rows_landed,
            refused.row_count is not null as is_damaged,
            visible.row_count + coalesce(refused.row_count, 0) as rows_arrived
        from ops.visible_dumps as visible
        inner join ops.contracts as contracts
            on visible.backend = contracts.backend and visible.table_name = contracts.table_name
        left join refused
            on visible.backend = refused.backend and visible.table_name = refused.table_name
            and visible.dump_id = refused.dump_id and visible.arrived_on = refused.arrived_on

    ),

    door as (

        select
            dumps.backend,
            dumps.table_name,
            dumps.dump_id,
            dumps.arrived_on,
            dumps.rows_landed,
            dumps.is_damaged,
            totals.measure,
            totals.declared,
            totals.counted,
            totals.counted - totals.kept_out as let_in
        from dumps
        inner join ops.landed_totals as totals
            on dumps.backend = totals.backend and dumps.table_name = totals.table_name
            and dumps.dump_id = totals.dump_id and dumps.arrived_on = totals.arrived_on

    ),

    view_definitions as (

        select relation, version
        from {{ definitions() }} as definitions

    ),

    staged as (

        select staged.backend, staged.table_name, staged.dump_id, staged.arrived_on, staged.measure, staged.amount
        from ops.staged as staged
        inner join ops.contracts as contracts
            on staged.backend = contracts.backend and staged.table_name = contracts.table_name
        inner join view_definitions
            on view_definitions.relation = concat('stg_', staged.backend, '__', staged.table_name)
            and staged.version = concat(view_definitions.version, ':', contracts.counting_version)

    ),

    staged_or_quarantined as (

        select backend, table_name, dump_id, arrived_on, measure, amount
        from staged
        union all
        select sifted.backend, sifted.table_name, sifted.dump_id, sifted.arrived_on, sifted.measure, sifted.amount
        from ops.sifted as sifted
        inner join ops.contracts as contracts
            on sifted.backend = contracts.backend and sifted.table_name = contracts.table_name and sifted.version = contracts.rules_version
        where sifted.outcome not in ('kept', 'nothing')

    ),

    staging as (

        select
            backend,
            table_name,
            dump_id,
            arrived_on,
            measure,
            sum(amount) as amount
        from staged_or_quarantined
        group by backend, table_name, dump_id, arrived_on, measure

    ),

    rows_of_a_day as (

        select
            backend,
            table_name,
            arrived_on,
            sum(rows_arrived) as rows_arrived
        from dumps
        group by backend, table_name, arrived_on

    ),

    quarantined_of_a_day as (

        select
            backend,
            table_name,
            arrived_on,
            sum(row_count) as rows_quarantined
        from ops.quarantined
        group by backend, table_name, arrived_on

    ),

    sentences as (

        select
            backend,
            table_name,
            dump_id,
            arrived_on,
            concat('the ', measure, ' that the source declared came to the door') as sentence,
            declared as expected,
            counted as found
        from door
        where declared is not null and not is_damaged

        union all

        select
            backend,
            table_name,
            dump_id,
            arrived_on,
            'the rows that came to the door landed, were refused or are about nobody any more',
            let_in,
            rows_landed
        from door
        where measure = 'rows'

        union all

        select
            dumps.backend,
            dumps.table_name,
            dumps.dump_id,
            dumps.arrived_on,
            'the rows that landed are staged or quarantined',
            dumps.rows_landed,
            coalesce(staging.amount, 0)
        from dumps
        left join staging
            on dumps.backend = staging.backend and dumps.table_name = staging.table_name
            and dumps.dump_id = staging.dump_id and dumps.arrived_on = staging.arrived_on and staging.measure = 'rows'

        union all

        select
            door.backend,
            door.table_name,
            door.dump_id,
            door.arrived_on,
            concat('the ', door.measure, ' that landed is staged or quarantined'),
            door.let_in,
            coalesce(staging.amount, 0)
        from door
        left join staging
            on door.backend = staging.backend and door.table_name = staging.table_name
            and door.dump_id = staging.dump_id and door.arrived_on = staging.arrived_on and door.measure = staging.measure
        where door.measure <> 'rows'

        union all

        select
            staged_rows.backend,
            staged_rows.table_name,
            staged_rows.dump_id,
            staged_rows.arrived_on,
            'a snapshot holds each key once',
            staged_rows.amount,
            staged_keys.amount
        from staged as staged_rows
        inner join staged as staged_keys
            on staged_rows.backend = staged_keys.backend and staged_rows.table_name = staged_keys.table_name
            and staged_rows.dump_id = staged_keys.dump_id and staged_rows.arrived_on = staged_keys.arrived_on
        inner join dumps
            on staged_rows.backend = dumps.backend and staged_rows.table_name = dumps.table_name
            and staged_rows.dump_id = dumps.dump_id and staged_rows.arrived_on = dumps.arrived_on
        where staged_rows.measure = 'rows' and staged_keys.measure = 'distinct keys'

    )

    select
        backend,
        table_name,
        arrived_on,
        dump_id,
        sentence,
        cast(expected as decimal(38, 8)) as expected,
        cast(found as decimal(38, 8)) as found
    from sentences
    where expected <> found

    union all

    select
        arrived.backend,
        arrived.table_name,
        arrived.arrived_on,
        cast(null as {{ api.Column.translate_type('string') }}),
        concat('no more than ', cast(contracts.quarantine_above as {{ api.Column.translate_type('string') }}), ' of the rows is quarantined'),
        cast(floor(contracts.quarantine_above * arrived.rows_arrived) as decimal(38, 8)),
        cast(quarantined.rows_quarantined as decimal(38, 8))
    from rows_of_a_day as arrived
    inner join ops.contracts as contracts on arrived.backend = contracts.backend and arrived.table_name = contracts.table_name
    inner join quarantined_of_a_day as quarantined
        on arrived.backend = quarantined.backend and arrived.table_name = quarantined.table_name and arrived.arrived_on = quarantined.arrived_on
    where quarantined.rows_quarantined > contracts.quarantine_above * arrived.rows_arrived
{% endmacro %}
