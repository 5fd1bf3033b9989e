{# How each engine reads the landing: its manifests, its Parquet files, and only those of the days that are asked for. #}

{% macro duckdb__ledger_tables() %}
  {%- set statements = ['create schema if not exists ops', 'create schema if not exists landing'] -%}
  {%- for name, columns in ledger_columns().items() -%}
    {%- do statements.append('create table if not exists ops.' ~ name ~ ' (' ~ columns ~ ')') -%}
  {%- endfor -%}
  {%- set dump = 'backend varchar, table_name varchar, dump_id varchar, arrived_on date' -%}
  {%- for name, columns in {
    'landed_dumps': 'backend varchar, table_name varchar, kind varchar, dump_id varchar, arrived_on date, covers_on date, slot varchar, row_count bigint, supersedes varchar[], manifest_path varchar',
    'landed_days': dump ~ ', day date, row_count bigint',
    'landed_files': dump ~ ', path varchar',
    'landed_totals': dump ~ ', measure varchar, declared decimal(38,8), counted decimal(38,8), kept_out decimal(38,8)',
    'landed_refusals': dump ~ ', reason varchar, row_count bigint',
    'source_views': 'identifier varchar, version varchar',
    'sifted': 'version varchar, ' ~ dump ~ ', outcome varchar, measure varchar, amount decimal(38,8)',
    'staged': 'version varchar, ' ~ dump ~ ', outcome varchar, measure varchar, amount decimal(38,8)',
    'edition_hour': 'hour timestamp',
  }.items() -%}
    {%- do statements.append('create table if not exists ops.' ~ name ~ ' (' ~ columns ~ ')') -%}
  {%- endfor -%}
  {%- for name, query in ledger_views().items() -%}
    {%- do statements.append('create or replace view ops.' ~ name ~ ' as ' ~ query) -%}
  {%- endfor -%}
  {{- return([statements | join('; ')]) -}}
{% endmacro %}

{# Reads the manifests not read before, forgets dumps whose manifest is gone, and works out what this run sees. #}
{% macro duckdb__load_landing() %}
  {%- set unknown = "from ops.landed_dumps where manifest_path not in (select file from manifests_now)" -%}
  {%- set same_dump = "(backend, table_name, dump_id, arrived_on)" -%}
  {%- do run_query("create or replace temp table manifests_now as select file from glob('" ~ landing_root() ~ "/*/*/*/*/_manifest.json')") -%}
  {%- if run_query("select count(*) " ~ unknown).columns[0][0] > 0 -%}
    {%- set forget = [] -%}
    {%- for table in ['landed_days', 'landed_files', 'landed_totals', 'landed_refusals'] -%}
      {%- do forget.append("delete from ops." ~ table ~ " where " ~ same_dump ~ " in (select " ~ same_dump ~ ' ' ~ unknown ~ ")") -%}
    {%- endfor -%}
    {%- do in_one_transaction(forget + ["delete " ~ unknown]) -%}
  {%- endif -%}
  {%- do run_query("set variable new_manifests = (select list(file order by file) from manifests_now where file not in (select manifest_path from ops.landed_dumps))") -%}
  {%- set news = run_query("select coalesce(len(getvariable('new_manifests')), 0)").columns[0][0] -%}
  {#- Some at a time: DuckDB holds a buffer for each file of a list that it reads. -#}
  {%- for first in range(1, news + 1, 500) -%}
    {%- do in_one_transaction([
      "create or replace temp table manifest_texts as select filename, content from read_text(getvariable('new_manifests')[" ~ first ~ ':' ~ (first + 499) ~ "])",
      "create or replace temp table manifests_read as
        select filename, json_transform(content::json, '" ~ tojson(manifest_columns()) ~ "') as manifest from manifest_texts",
      "create or replace temp table manifests_new as
        select * rename (\"table\" as table_name)
        from (select filename, regexp_replace(filename, '_manifest\\.json$', '') as folder, unnest(manifest) from manifests_read)",
      "insert into ops.landed_days
        select backend, table_name, dump_id, arrived_on, event_day.day, event_day.rows
        from (select backend, table_name, dump_id, arrived_on, unnest(event_days) as event_day from manifests_new)",
      "insert into ops.landed_files
        select backend, table_name, dump_id, arrived_on, folder || part.name
        from (select backend, table_name, dump_id, arrived_on, folder, unnest(files) as part from manifests_new)",
      "insert into ops.landed_totals
        select backend, table_name, dump_id, arrived_on, total.key, cast(total.value.declared as decimal(38,8)), cast(total.value.counted as decimal(38,8)),
          case when total.key = 'rows' then refused + coalesce(erased, 0) else coalesce(cast(total.value.quarantined as decimal(38,8)), 0) end
        from (select *, coalesce(list_sum(map_values(quarantined)), 0) as refused, unnest(map_entries(control_totals)) as total from manifests_new)",
      "insert into ops.landed_refusals
        select backend, table_name, dump_id, arrived_on, refusal.key, refusal.value
        from (select *, unnest(map_entries(quarantined)) as refusal from manifests_new)
        union all
        select backend, table_name, dump_id, arrived_on, 'lost with the end of a truncated file',
          greatest(coalesce(cast(control_totals['rows'].declared as bigint) - cast(control_totals['rows'].counted as bigint), 0), 0)
        from manifests_new where len(truncated) > 0",
      "insert into ops.landed_dumps select backend, table_name, kind, dump_id, arrived_on, covers_on, slot, rows, supersedes, filename from manifests_new"]) -%}
  {%- endfor -%}
  {%- do in_one_transaction([
    "create or replace table ops.horizon as
      select coalesce((select max(on_date) from ops.settings), (select max(arrived_on) from ops.landed_dumps where not " ~ of_own_records() ~ "), date '0001-01-01') as on_date",
    "create or replace table ops.visible_dumps as
      with seen as (select * from ops.landed_dumps where arrived_on <= (select on_date from ops.horizon)),
      superseded as (select backend, table_name, arrived_on as superseded_on, dump_id as by_dump_id, unnest(supersedes) as dump_id from seen)
      select seen.* exclude (supersedes)
      from seen
      anti join superseded
        on superseded.backend = seen.backend and superseded.table_name = seen.table_name and superseded.dump_id = seen.dump_id
        and superseded.by_dump_id <> seen.dump_id and superseded.superseded_on >= seen.arrived_on",
    "create or replace table ops.landed_versions as
      select backend, table_name, day, md5(string_agg(concat(dump_id, '@', arrived_on), ',' order by dump_id, arrived_on)) as version, sum(row_count)::bigint as row_count
      from ops.landed_days
      semi join ops.visible_dumps using (backend, table_name, dump_id, arrived_on)
      group by backend, table_name, day
      having sum(row_count) > 0"]) -%}
{% endmacro %}

{# What is read of a manifest: text first and then JSON, because read_json takes five times as long over thousands of
   small files; in steps, because one statement would parse a text anew for each column and take gigabytes for it. #}
{% macro manifest_columns() %}
  {{ return({
    'backend': 'VARCHAR', 'table': 'VARCHAR', 'kind': 'VARCHAR', 'dump_id': 'VARCHAR', 'arrived_on': 'DATE', 'covers_on': 'DATE', 'slot': 'VARCHAR',
    'rows': 'BIGINT', 'supersedes': ['VARCHAR'], 'files': [{'name': 'VARCHAR'}], 'event_days': [{'day': 'DATE', 'rows': 'BIGINT'}],
    'quarantined': 'MAP(VARCHAR, BIGINT)', 'erased': 'BIGINT', 'truncated': ['VARCHAR'],
    'control_totals': 'MAP(VARCHAR, STRUCT(declared VARCHAR, counted VARCHAR, quarantined VARCHAR))',
  }) }}
{% endmacro %}

{#
  A view lists its files, so it shows what this run saw and nothing that lands meanwhile (as one text, which is sooner
  read than thousands); a session variable narrows it to the files of the days a by_day model rebuilds. The schema comes
  by field id, so no file is opened to bind. A view is made anew only when its SQL is another than the one last made.
#}
{% macro duckdb__create_source_views() %}
  {%- set files = {} -%}
  {%- for row in run_query("select concat(backend, '.', table_name), string_agg(path, chr(10) order by path)
      from ops.landed_files semi join ops.visible_dumps using (backend, table_name, dump_id, arrived_on) group by all").rows -%}
    {%- do files.update({row[0]: '\n' ~ row[1]}) -%}
  {%- endfor -%}
  {%- set made = run_query('select identifier, version from ops.source_views').rows | map('list') | list -%}
  {%- set statements = [] -%}
  {%- for node in graph.sources.values() if node.config.meta.get('kind') -%}
    {%- set fields = [] -%}
    {%- for column in node.columns.values() -%}
      {%- do fields.append(column_field_id(column.name) ~ ": {name: '" ~ column.name ~ "', type: '" ~ column.data_type ~ "', default_value: null}") -%}
    {%- endfor -%}
    {%- set sql = 'create or replace view landing.' ~ node.identifier ~ " as select * from read_parquet(coalesce(getvariable('landed__" ~ node.identifier ~ "'), string_split('" ~ empty_parquet() ~ files.get(node.source_name ~ '.' ~ node.name, '')
      ~ "', chr(10))), hive_partitioning = false, schema = map { " ~ fields | join(', ') ~ ' })' -%}
    {%- if [node.identifier, local_md5(sql)] not in made -%}
      {%- do statements.extend([sql, "delete from ops.source_views where identifier = '" ~ node.identifier ~ "'",
        "insert into ops.source_views values ('" ~ node.identifier ~ "', '" ~ local_md5(sql) ~ "')"]) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- if statements -%}
    {%- do run_query("copy (select 1 as nothing limit 0) to '" ~ empty_parquet() ~ "' (format parquet)") -%}
    {%- do in_one_transaction(statements) -%}
  {%- endif -%}
{% endmacro %}

{# A file of no rows and none of the columns, so that a table of which nothing has landed can be read. #}
{% macro empty_parquet() %}{{ return(target.path | replace('warehouse.duckdb', 'empty.parquet')) }}{% endmacro %}

{% macro visible_files(node) %}
  {{- return('from ops.landed_files semi join ops.visible_dumps using (backend, table_name, dump_id, arrived_on) where ' ~ of_landed(node)) -}}
{% endmacro %}

{# Points each landed table that is read by day at the files that hold rows of these periods. #}
{% macro narrow_sources(inputs, periods, unit) %}{{ return(adapter.dispatch('narrow_sources')(inputs, periods, unit)) }}{% endmacro %}

{% macro duckdb__narrow_sources(inputs, periods, unit) %}
  {%- set statements = [] -%}
  {%- for source in narrowed_sources(inputs, periods, unit) -%}
    {%- do statements.append(
      "set variable landed__" ~ source.node.identifier ~ " = (
        select list_prepend('" ~ empty_parquet() ~ "', coalesce(list(path order by path), [])) " ~ visible_files(source.node) ~ "
        and (backend, table_name, dump_id, arrived_on) in (
          select (backend, table_name, dump_id, arrived_on) from ops.landed_days
          where " ~ of_landed(source.node) ~ " and (" ~ source.wanted | join(' or ') ~ ")))") -%}
  {%- endfor -%}
  {{- return(statements) -}}
{% endmacro %}

{# The whole of the landed tables again. #}
{% macro reset_sources(inputs, periods, unit) %}{{ return(adapter.dispatch('reset_sources')(inputs, periods, unit)) }}{% endmacro %}

{% macro duckdb__reset_sources(inputs, periods, unit) %}
  {%- set statements = [] -%}
  {%- for source in narrowed_sources(inputs, periods, unit) -%}
    {%- do statements.append('reset variable landed__' ~ source.node.identifier) -%}
  {%- endfor -%}
  {{- return(statements) -}}
{% endmacro %}
