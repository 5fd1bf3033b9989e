{# Before a run: the ledger's tables, what the landing holds, and one view per landed table. #}
{% macro ledger_start() %}
  {%- if execute and flags.WHICH in ['build', 'run', 'seed', 'test', 'snapshot'] -%}
    {%- for statement in ledger_tables() -%}{%- do run_query(statement) -%}{%- endfor -%}
    {%- if planning() -%}{%- do run_query('delete from ops.plan') -%}{%- endif -%}
    {%- do load_landing() -%}
    {%- do create_source_views() -%}
    {%- do sift_dumps() -%}
  {%- endif -%}
{% endmacro %}

{% macro landing_root() %}{{ return(env_var('NIGHTSHIFT_HOME', 'var') ~ '/landing') }}{% endmacro %}

{# True while `./nightshift plan` asks what a build would do: materializations record stale days and touch nothing. #}
{% macro planning() %}{{ return(env_var('NIGHTSHIFT_PLAN', '') == '1') }}{% endmacro %}

{#
  ops.ledger        append-only; the newest row of (relation, day) says what that day was made of and what came out.
                    A row without a day marks that the table was made anew: rows before it no longer count.
  ops.definitions   append-only; the newest row of a relation is the version of a view's SQL or a seed's content.
  ops.slices        for tables with valid_from and valid_to: a hash of the rows valid on each span of days.
  ops.domain_checks which domains' tests passed, and at which point of the ledger.
  ops.releases      up to which point of the ledger a domain has been published.
  ops.plan          what the last plan found stale.
  ops.landed_…      what the manifests of the landing say: dumps, days, files, control totals, lines refused at the door.
  ops.sifted        append-only; what the rules of a table's YAML made of each of its dumps (see macros/staging/).
  ops.staged        append-only; what came out of each staging view, dump by dump.
#}
{% macro ledger_tables() %}
  {{ return(adapter.dispatch('ledger_tables')()) }}
{% endmacro %}

{% macro default__ledger_tables() %}
  {%- do return([
    'create schema if not exists ops',
    'create schema if not exists landing',
    'create table if not exists ops.settings (on_date date)',
    'create table if not exists ops.ledger (sequence bigint, relation varchar, model varchar, domain varchar, day date, logic_hash varchar, inputs varchar, output_hash varchar, row_count bigint, run_id varchar, recorded_at timestamp)',
    'create table if not exists ops.definitions (sequence bigint, relation varchar, version varchar)',
    'create table if not exists ops.slices (sequence bigint, relation varchar, from_day date, to_day date, version varchar)',
    'create table if not exists ops.domain_checks (domain varchar, ledger_sequence bigint, passed boolean, failures varchar, checked_at timestamp)',
    'create table if not exists ops.releases (domain varchar, sequence bigint, run_id varchar, released_at timestamp)',
    'create table if not exists ops.plan (relation varchar, day date, reason varchar, row_count bigint)',
    'create table if not exists ops.landed_dumps (backend varchar, table_name varchar, kind varchar, dump_id varchar, arrived_on date, covers_on date, slot varchar, row_count bigint, supersedes varchar[], manifest_path varchar)',
    'create table if not exists ops.landed_days (backend varchar, table_name varchar, dump_id varchar, arrived_on date, day date, row_count bigint)',
    'create table if not exists ops.landed_files (backend varchar, table_name varchar, dump_id varchar, arrived_on date, path varchar)',
    'create table if not exists ops.source_views (identifier varchar, version varchar)',
    'create table if not exists ops.landed_totals (backend varchar, table_name varchar, dump_id varchar, arrived_on date, measure varchar, declared decimal(38,8), counted decimal(38,8), kept_out decimal(38,8))',
    'create table if not exists ops.landed_refusals (backend varchar, table_name varchar, dump_id varchar, arrived_on date, reason varchar, row_count bigint)',
    'create table if not exists ops.sifted (version varchar, backend varchar, table_name varchar, dump_id varchar, arrived_on date, outcome varchar, measure varchar, amount decimal(38,8))',
    'create table if not exists ops.staged (version varchar, backend varchar, table_name varchar, dump_id varchar, arrived_on date, outcome varchar, measure varchar, amount decimal(38,8))',
    "create or replace view ops.fresh as
      with numbered as (
        select *, row_number() over (partition by relation, day order by sequence desc) as newest_first,
          max(case when day is null and output_hash = 'created' then sequence else 0 end) over (partition by relation) as created_at_sequence
        from ops.ledger
      )
      select sequence, relation, model, domain, day, logic_hash, inputs, output_hash, row_count
      from numbered
      where newest_first = 1 and sequence > created_at_sequence",
    "create or replace view ops.changed_days as
      with released as (select domain, max(sequence) as sequence from ops.releases group by domain)
      select distinct ledger.relation, ledger.day
      from ops.ledger as ledger
      left join released on released.domain = ledger.domain
      where ledger.day is not null and ledger.sequence > coalesce(released.sequence, 0)",
  ]) -%}
{% endmacro %}

{# Reads the manifests not read before, and forgets dumps whose manifest is gone. #}
{% macro load_landing() %}
  {{ return(adapter.dispatch('load_landing')()) }}
{% endmacro %}

{% macro default__load_landing() %}
  {%- set manifests = landing_root() ~ '/*/*/*/*/_manifest.json' -%}
  {%- set folder = "regexp_replace(filename, '_manifest\\.json$', '')" -%}
  {%- set read = "read_json(getvariable('new_manifests'), filename = true, format = 'unstructured', columns = {backend: 'varchar', \"table\": 'varchar', kind: 'varchar', dump_id: 'varchar', arrived_on: 'date', covers_on: 'date', slot: 'varchar', rows: 'bigint', supersedes: 'varchar[]', files: 'struct(name varchar)[]', event_days: 'struct(day date, rows bigint)[]', quarantined: 'map(varchar, bigint)', erased: 'bigint', truncated: 'varchar[]', control_totals: 'map(varchar, struct(declared varchar, counted varchar, quarantined varchar))'})" -%}
  {%- do run_query("create or replace temp table manifests_now as select file from glob('" ~ manifests ~ "')") -%}
  {%- set gone = run_query("select count(*) from ops.landed_dumps where manifest_path not in (select file from manifests_now)").columns[0][0] -%}
  {%- if gone > 0 -%}
    {%- for table in ['landed_days', 'landed_files', 'landed_totals', 'landed_refusals'] -%}
      {%- do run_query("delete from ops." ~ table ~ " where (backend, table_name, dump_id, arrived_on) in (select (backend, table_name, dump_id, arrived_on) from ops.landed_dumps where manifest_path not in (select file from manifests_now))") -%}
    {%- endfor -%}
    {%- do run_query("delete from ops.landed_dumps where manifest_path not in (select file from manifests_now)") -%}
  {%- endif -%}
  {%- do run_query("set variable new_manifests = (select list(file order by file) from manifests_now where file not in (select manifest_path from ops.landed_dumps))") -%}
  {%- set news = run_query("select coalesce(len(getvariable('new_manifests')), 0)").columns[0][0] -%}
  {%- if news > 0 -%}
    {%- do run_query(
      "begin transaction;"
      ~ "create or replace temp table manifests_new as select *, " ~ folder ~ " as folder from " ~ read ~ ";"
      ~ "insert into ops.landed_days select backend, \"table\", dump_id, arrived_on, event_day.day, event_day.rows from (select backend, \"table\", dump_id, arrived_on, unnest(event_days) as event_day from manifests_new);"
      ~ "insert into ops.landed_files select backend, \"table\", dump_id, arrived_on, folder || part.name from (select backend, \"table\", dump_id, arrived_on, folder, unnest(files) as part from manifests_new);"
      ~ "insert into ops.landed_totals
          select backend, \"table\", dump_id, arrived_on, total.key, cast(total.value.declared as decimal(38,8)), cast(total.value.counted as decimal(38,8)),
            case when total.key = 'rows' then refused + coalesce(erased, 0) else coalesce(cast(total.value.quarantined as decimal(38,8)), 0) end
          from (select *, coalesce(list_sum(map_values(quarantined)), 0) as refused, unnest(map_entries(control_totals)) as total from manifests_new);"
      ~ "insert into ops.landed_refusals
          select backend, \"table\", dump_id, arrived_on, refusal.key, refusal.value from (select *, unnest(map_entries(quarantined)) as refusal from manifests_new)
          union all
          select backend, \"table\", dump_id, arrived_on, 'lost with the end of a truncated file',
            greatest(coalesce(cast(control_totals['rows'].declared as bigint) - cast(control_totals['rows'].counted as bigint), 0), 0)
          from manifests_new where len(truncated) > 0;"
      ~ "insert into ops.landed_dumps select backend, \"table\", kind, dump_id, arrived_on, covers_on, slot, rows, supersedes, filename from manifests_new;"
      ~ "commit") -%}
  {%- endif -%}
  {%- do run_query(
    "create or replace table ops.horizon as select coalesce((select max(on_date) from ops.settings), (select max(arrived_on) from ops.landed_dumps where (backend, table_name) <> ('nightshift', 'runs')), date '0001-01-01') as on_date;"
    ~ "create or replace table ops.visible_dumps as
        with seen as (select * from ops.landed_dumps where arrived_on <= (select on_date from ops.horizon)),
        superseded as (select backend, table_name, arrived_on as superseded_on, dump_id as by_dump_id, unnest(supersedes) as dump_id from seen)
        select seen.* exclude (supersedes) from seen
        where not exists (
          select 1 from superseded
          where superseded.backend = seen.backend and superseded.table_name = seen.table_name
            and superseded.dump_id = seen.dump_id and superseded.by_dump_id <> seen.dump_id and superseded.superseded_on >= seen.arrived_on);"
    ~ "create or replace table ops.landed_versions as
        select backend, table_name, day, md5(string_agg(dump_id, ',' order by dump_id, arrived_on)) as version, sum(row_count)::bigint as row_count
        from ops.landed_days semi join ops.visible_dumps using (backend, table_name, dump_id, arrived_on)
        group by backend, table_name, day") -%}
{% endmacro %}

{#
  A landed table as a relation: one view each, made anew only when its SQL is another than the one last made.
#}
{% macro create_source_views() %}
  {{ return(adapter.dispatch('create_source_views')()) }}
{% endmacro %}

{% macro default__create_source_views() %}
  {%- set dumps = {} -%}
  {%- for row in run_query("select landed.backend || '/' || landed.table_name, count(*), count(visible.dump_id) from ops.landed_dumps as landed
      left join ops.visible_dumps as visible using (backend, table_name, dump_id, arrived_on) group by all").rows -%}
    {%- do dumps.update({row[0]: {'landed': row[1], 'visible': row[2]}}) -%}
  {%- endfor -%}
  {%- set made = run_query('select identifier, version from ops.source_views').rows | map('list') | list -%}
  {%- set statements = [] -%}
  {%- for node in graph.sources.values() if node.config.meta.get('kind') -%}
    {%- set sql = source_view(node, dumps.get(node.source_name ~ '/' ~ node.name, {'landed': 0, 'visible': 0})) -%}
    {%- if [node.identifier, local_md5(sql)] not in made -%}
      {%- do statements.append(sql) -%}
      {%- do statements.append("delete from ops.source_views where identifier = '" ~ node.identifier ~ "'") -%}
      {%- do statements.append("insert into ops.source_views values ('" ~ node.identifier ~ "', '" ~ local_md5(sql) ~ "')") -%}
    {%- endif -%}
  {%- endfor -%}
  {%- if statements -%}
    {%- do run_query("copy (select 1 as nothing limit 0) to '" ~ empty_parquet() ~ "' (format parquet)") -%}
    {%- do run_query('begin transaction; ' ~ statements | join('; ') ~ '; commit') -%}
  {%- endif -%}
{% endmacro %}

{# A file of no rows and none of the columns, so that a table of which nothing has landed can be read. #}
{% macro empty_parquet() %}{{ return(target.path | replace('warehouse.duckdb', 'empty.parquet')) }}{% endmacro %}

{#
  The session variable narrows a landed table to the files of the days a by_day model rebuilds; unset, it reads every
  visible dump. The schema comes from the sources' YAML by field id, so no file is opened to bind.
#}
{% macro source_view(node, dumps) %}
  {%- set landed = node.source_name ~ '/' ~ node.name -%}
  {%- set fields = [] -%}
  {%- for column in node.columns.values() -%}
    {%- do fields.append(column_field_id(column.name) ~ ": {name: '" ~ column.name ~ "', type: '" ~ column.data_type ~ "', default_value: null}") -%}
  {%- endfor -%}
  {%- set default = "['" ~ empty_parquet() ~ "'" ~ (", '" ~ landing_root() ~ '/' ~ landed ~ "/*/*/*.parquet'" if dumps.landed > 0) ~ "]" -%}
  create or replace view landing.{{ node.identifier }} as
  select * from read_parquet(coalesce(getvariable('landed__{{ node.identifier }}'), {{ default }}), hive_partitioning = false, schema = map { {{ fields | join(', ') }} })
  {%- if dumps.landed != dumps.visible %}
  where (_dump_id, _arrived_on) in (select (dump_id, arrived_on) from ops.visible_dumps where backend = '{{ node.source_name }}' and table_name = '{{ node.name }}')
  {%- endif -%}
{% endmacro %}

{# The Parquet field id the landing gives a column: from its name alone, so that it never changes. #}
{% macro column_field_id(name) %}{{ return(local_md5(name)[:7] | int(0, 16)) }}{% endmacro %}
