{#
  A table that is made hour by hour: each hour's rows from what is new in it (rows of the model `of` with that value in
  its column `hour`) and from the table as the hours before left it. From the first hour whose rows are others than those
  it was made of, all is made again, in order: a file that comes late, an hour that was missed or run twice leave the
  same rows as if everything had come in time. The model's SQL reads the hour as step_hour().
#}
{% materialization by_hour, adapter='duckdb' %}
  {%- set live = this.incorporate(type='table') -%}
  {%- set logic = logic_of(model, sql) -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {%- if planning() -%}
    {%- do no_operation() -%}
    {{ return({'relations': []}) }}
  {%- endif -%}
  {%- do in_one_transaction([
    'create table if not exists ops.hours (relation varchar, hour timestamp, logic varchar, inputs varchar, made_at timestamp)',
    'alter table ops.hours add column if not exists made_at timestamp',
    'create table if not exists ops.hour_parts (relation varchar, day date, output_hash varchar, hour timestamp, version varchar)']) -%}
  {%- if not adapter.get_relation(live.database, live.schema, live.identifier) -%}
    {%- set columns = [] -%}
    {%- for column in model.columns.values() -%}{%- do columns.append(column.name ~ ' ' ~ column.data_type) -%}{%- endfor -%}
    {%- do in_one_transaction(["delete from ops.hours where relation = '" ~ live.identifier ~ "'", 'create table ' ~ live ~ ' (' ~ columns | join(', ') ~ ')']) -%}
  {%- endif -%}
  {%- do update_hour_parts(live.identifier, config.require('of'), config.require('hour')) -%}
  {%- do run_query("create or replace temp table hours_now as select hour, md5(string_agg(concat(day, '=', version), ';' order by day)) as inputs from ops.hour_parts where relation = '" ~ live.identifier ~ "' and hour <= " ~ edition_hour() ~ ' group by hour') -%}
  {%- set first = run_query("
    select min(coalesce(hours_now.hour, made.hour))
    from hours_now
    full join (select * from ops.hours where relation = '" ~ live.identifier ~ "') as made on hours_now.hour = made.hour
    where hours_now.inputs is distinct from made.inputs or made.logic is distinct from '" ~ logic ~ "'").rows[0][0] -%}
  {%- set hours = [] -%}
  {%- if first -%}
    {%- set from_there = " hour >= timestamp '" ~ first ~ "'" -%}
    {%- do in_one_transaction(['delete from ' ~ live ~ ' where' ~ from_there, "delete from ops.hours where relation = '" ~ live.identifier ~ "' and" ~ from_there]) -%}
    {%- set hours = run_query('select hour from hours_now where' ~ from_there ~ ' order by hour').columns[0].values() -%}
    {%- for hour in hours -%}
      {%- do in_one_transaction([
        "set variable news_hour = '" ~ hour ~ "'",
        'insert into ' ~ live ~ ' by name ' ~ sql,
        "insert into ops.hours select '" ~ live.identifier ~ "', hour, '" ~ logic ~ "', inputs, cast(current_timestamp as timestamp) from hours_now where hour = timestamp '" ~ hour ~ "'"]) -%}
    {%- endfor -%}
  {%- endif -%}
  {%- do describe(live, false) -%}
  {%- do no_operation() -%}
  {{ log(this.identifier ~ ': ' ~ hours | length ~ ' hours', info=true) }}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do adapter.commit() %}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [live]}) }}
{% endmaterialization %}

{#
  ops.hour_parts: what each hour is made of, by the day of the model that is read. Only days are hashed that the ledger
  says are others than when they were hashed last, so that an hour costs its days and not the history.
#}
{% macro update_hour_parts(relation, of, hour) %}
  {%- set node = graph.nodes.values() | selectattr('name', 'equalto', of) | selectattr('resource_type', 'equalto', 'model') | first -%}
  {%- set read = api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias) -%}
  {%- do run_query("create or replace temp table days_now as
    select coalesce(fresh.day, parts.day) as day, fresh.output_hash
    from (select day, output_hash from ops.fresh where relation = '" ~ of ~ "' and day is not null and output_hash not in ('gone', 'empty')) as fresh
    full join (select distinct day, output_hash from ops.hour_parts where relation = '" ~ relation ~ "') as parts on fresh.day = parts.day
    where fresh.output_hash is distinct from parts.output_hash") -%}
  {%- set days = run_query('select cast(day as varchar) from days_now order by day').columns[0].values() | list -%}
  {%- if days -%}
    {%- do in_one_transaction([
      "delete from ops.hour_parts where relation = '" ~ relation ~ "' and day in (select day from days_now)",
      "insert into ops.hour_parts
        select '" ~ relation ~ "', days_now.day, days_now.output_hash, parts.hour, parts.version
        from (select " ~ node.config.day ~ " as day, " ~ hour ~ " as hour, " ~ rows_hash(columns_of(read)) ~ " as version from " ~ read
          ~ " where " ~ in_periods(node.config.day, days, 'day') ~ " group by all) as parts
        inner join days_now on days_now.day = parts.day"]) -%}
  {%- endif -%}
{% endmacro %}

{# For singular tests: the condition that keeps a by_hour model to the hours that were made since the last edition. #}
{% macro changed_hours(model_name, hour) -%}
  {%- if env_var('NIGHTSHIFT_TEST_ALL', '') == '1' -%}
    true
  {%- else -%}
    {{ hour }} in (
      select hours.hour from ops.hours as hours
      where hours.relation = '{{ model_name }}'
        and hours.made_at >= coalesce((select max(releases.released_at) from ops.releases as releases), timestamp '0001-01-01')
    )
  {%- endif -%}
{%- endmacro %}
