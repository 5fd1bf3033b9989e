{#
  Spark's half of landing.sql. What the landing holds is read anew at each start, from the one file into which
  `./nightshift spark` puts all manifests; of the files of a table Spark prunes by their statistics.
#}

{% macro spark__ledger_tables() %}
  {%- set dump = 'backend string, table_name string, dump_id string, arrived_on date' -%}
  {%- set counts = 'version string, ' ~ dump ~ ', outcome string, measure string, amount decimal(38,8)' -%}
  {%- set statements = ['create database if not exists ops', 'create database if not exists landing'] -%}
  {%- for name, columns in dict(ledger_columns(), sifted=counts, staged=counts).items() -%}
    {%- do statements.append('create table if not exists ops.' ~ name ~ ' (' ~ columns | replace('varchar', 'string') ~ ') using parquet') -%}
  {%- endfor -%}
  {%- for name, query in ledger_views().items() -%}
    {%- do statements.append('create or replace view ops.' ~ name ~ ' as ' ~ query) -%}
  {%- endfor -%}
  {{- return(statements) -}}
{% endmacro %}

{% macro spark__load_landing() %}
  {%- set dump = 'backend, `table` as table_name, dump_id, arrived_on' -%}
  {%- set total = 'struct<declared: string, counted: string, quarantined: string>' -%}
  {%- do run_query("create or replace temporary view manifests (
      folder string, backend string, `table` string, kind string, dump_id string, arrived_on date, covers_on date, slot string, rows bigint, supersedes array<string>,
      files array<struct<name: string>>, columns array<struct<name: string>>, event_days array<struct<day: date, rows: bigint>>,
      quarantined map<string, bigint>, erased bigint, truncated array<string>, control_totals map<string, " ~ total ~ ">)
    using json options (path '" ~ env_var('NIGHTSHIFT_HOME', 'var') ~ "/spark/manifests.json', multiLine 'true')") -%}
  {%- for name, query in {
    'landed_dumps': "select backend, `table` as table_name, kind, dump_id, arrived_on, covers_on, slot, rows as row_count, supersedes, columns.name as column_names from manifests",
    'landed_days': "select " ~ dump ~ ", event_day.day as day, event_day.rows as row_count from manifests lateral view explode(event_days) exploded as event_day",
    'landed_files': "select " ~ dump ~ ", concat(folder, file.name) as path from manifests lateral view explode(files) exploded as file",
    'landed_totals': "select " ~ dump ~ ", measure, cast(total.declared as decimal(38,8)) as declared, cast(total.counted as decimal(38,8)) as counted,
      case when measure = 'rows' then cast(aggregate(map_values(coalesce(quarantined, map())), 0L, (sum, n) -> sum + n) + coalesce(erased, 0) as decimal(38,8)) else coalesce(cast(total.quarantined as decimal(38,8)), 0) end as kept_out
      from manifests lateral view explode(control_totals) exploded as measure, total",
    'landed_refusals': "select " ~ dump ~ ", reason, row_count from manifests lateral view explode(quarantined) exploded as reason, row_count",
    'horizon': "select coalesce((select max(on_date) from ops.settings), (select max(arrived_on) from ops.landed_dumps where not " ~ of_own_records() ~ "), date '0001-01-01') as on_date",
    'visible_dumps': "
      with seen as (select * from ops.landed_dumps where arrived_on <= (select on_date from ops.horizon)),
      superseded as (select backend, table_name, arrived_on as superseded_on, dump_id as by_dump_id, superseded_id from seen lateral view explode(supersedes) exploded as superseded_id)
      select seen.*
      from seen
      left anti join superseded
        on superseded.backend = seen.backend and superseded.table_name = seen.table_name and superseded.superseded_id = seen.dump_id
        and superseded.by_dump_id <> seen.dump_id and superseded.superseded_on >= seen.arrived_on",
    'landed_versions': "
      select days.backend, days.table_name, days.day, md5(array_join(array_sort(collect_list(concat(days.dump_id, '@', days.arrived_on))), ',')) as version, sum(days.row_count) as row_count
      from ops.landed_days as days
      left semi join ops.visible_dumps as visible
        on visible.backend = days.backend and visible.table_name = days.table_name and visible.dump_id = days.dump_id and visible.arrived_on = days.arrived_on
      group by days.backend, days.table_name, days.day
      having sum(days.row_count) > 0",
  }.items() -%}
    {%- do run_query('drop table if exists ops.' ~ name) -%}
    {%- do run_query('create table ops.' ~ name ~ ' using parquet as ' ~ query) -%}
  {%- endfor -%}
{% endmacro %}

{# A view over the visible files; a column that none of them has is null. #}
{% macro spark__create_source_views() %}
  {%- set files = {} -%}{%- set landed = {} -%}
  {%- for row in run_query("select concat(files.backend, '.', files.table_name), array_join(sort_array(collect_list(files.path)), ',')
      from ops.landed_files as files
      left semi join ops.visible_dumps as visible
        on visible.backend = files.backend and visible.table_name = files.table_name and visible.dump_id = files.dump_id and visible.arrived_on = files.arrived_on
      group by 1").rows -%}
    {%- do files.update({row[0]: row[1]}) -%}
  {%- endfor -%}
  {%- for row in run_query("select concat(backend, '.', table_name), array_join(collect_set(name), ',') from ops.visible_dumps lateral view explode(column_names) exploded as name group by 1").rows -%}
    {%- do landed.update({row[0]: row[1].split(',')}) -%}
  {%- endfor -%}
  {%- for node in graph.sources.values() if node.config.meta.get('kind') -%}
    {%- set name = node.source_name ~ '.' ~ node.name -%}
    {%- set columns = [] -%}
    {%- for column in node.columns.values() -%}
      {%- set there = name in files and (column.name in landed.get(name, []) or column.name.startswith('_')) -%}
      {%- do columns.append('cast(' ~ (column.name if there else 'null') ~ ' as ' ~ spark_type(column.data_type) ~ ') as ' ~ column.name) -%}
    {%- endfor -%}
    {%- do run_query('create or replace view landing.' ~ node.identifier ~ ' as select ' ~ columns | join(', ')
      ~ (' from parquet.`' ~ landing_root() ~ '/{' ~ files[name] ~ '}`' if name in files else ' where false')) -%}
  {%- endfor -%}
{% endmacro %}

{% macro spark__narrow_sources(inputs, periods, unit) %}{{ return([]) }}{% endmacro %}

{% macro spark__reset_sources(inputs, periods, unit) %}{{ return([]) }}{% endmacro %}

{# A type of the YAML as Spark spells it. #}
{% macro spark_type(data_type) %}
  {{- return('string' if data_type | lower in ['varchar', 'text', 'string'] else 'bigint' if data_type | lower == 'hugeint' else data_type) -}}
{% endmacro %}
