{#
  A table that is plain SQL over all history and is rebuilt only for the periods whose inputs changed: `day` names its
  date column, `unit` is 'day' or 'month', `reads` says how each input is read (see model_inputs). Chunks of periods,
  sized by rows, are each written and recorded in one transaction; a changed definition is built beside the table
  readers have and takes its place when it is whole.
#}
{% materialization by_day, adapter='duckdb' %}
  {%- set live = this.incorporate(type='table') -%}
  {%- set shadow = api.Relation.create(database=this.database, schema=this.schema, identifier=this.identifier ~ '__next', type='table') -%}
  {%- set day = config.require('day') -%}
  {%- set unit = config.get('unit', 'day') -%}
  {%- set logic = logic_of(model, sql) -%}
  {%- set inputs = model_inputs(model) -%}
  {%- set live_logic = logic_recorded(live) -%}
  {%- set rebuild = live_logic != logic -%}
  {%- set target = shadow if rebuild else live -%}

  {%- if planning() -%}
    {%- do plan_model(target, inputs, unit, rebuild) -%}
    {% call statement('main') %} select 1 {% endcall %}
    {{ return({'relations': []}) }}
  {%- endif -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {%- if not rebuild and adapter.get_relation(shadow.database, shadow.schema, shadow.identifier) -%}
    {%- do in_one_transaction(['drop table ' ~ shadow, record_created(shadow.identifier)]) -%}
  {%- endif -%}
  {%- if rebuild and logic_recorded(shadow) != logic -%}
    {%- do in_one_transaction(['drop table if exists ' ~ shadow] + create_empty(shadow, narrow(sql, ['2000-01-01'], unit, shadow)) + [record_created(shadow.identifier),
      "insert into ops.ledger select " ~ ledger_key(shadow.identifier) ~ " , cast(null as date), '" ~ logic ~ "', '', 'started', 0, '" ~ invocation_id ~ "', current_timestamp"]) -%}
  {%- elif config.get('contract').enforced -%}
    {%- do get_assert_columns_equivalent(sql) -%}
  {%- endif -%}

  {%- set built = build_stale(target, sql, inputs, day, unit, logic) -%}

  {%- if rebuild -%}
    {%- do in_one_transaction([
      'drop table if exists ' ~ live,
      'alter table ' ~ shadow ~ ' rename to ' ~ adapter.quote(live.identifier),
      record_created(live.identifier),
      "insert into ops.ledger select " ~ next_sequence() ~ ", '" ~ live.identifier ~ "', model, domain, day, logic_hash, inputs, output_hash, row_count, '" ~ invocation_id ~ "', current_timestamp from ops.fresh where relation = '" ~ shadow.identifier ~ "'",
      record_created(shadow.identifier)]) -%}
  {%- endif -%}
  {% call statement('main') %} select {{ built.periods }} as periods {% endcall %}
  {%- if built.periods or rebuild -%}
    {%- do persist_docs(live, model) -%}
  {%- endif -%}
  {{ log(this.identifier ~ ': ' ~ built.said ~ (' (definition changed)' if rebuild and live_logic) , info=true) }}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do adapter.commit() %}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [live]}) }}
{% endmaterialization %}

{# The logic a relation's rows were made with, if it exists and the ledger knows it. #}
{% macro logic_recorded(relation) %}
  {%- if not adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}{{- return(none) -}}{%- endif -%}
  {%- set found = run_query("select logic_hash from ops.fresh where relation = '" ~ relation.identifier ~ "' and logic_hash is not null order by sequence desc limit 1") -%}
  {{- return(found.rows[0][0] if found.rows | length) -}}
{% endmacro %}

{# Statements that either all happen or none. #}
{% macro in_one_transaction(statements) %}
  {% call statement('in_one_transaction', auto_begin=True) %}{{ statements | join(';\n') }}{% endcall %}
  {%- do adapter.commit() -%}
{% endmacro %}

{# An empty table of the model's columns: of the contract's, checked against the query, where it is enforced. #}
{% macro create_empty(target, sql) %}
  {%- if config.get('contract').enforced -%}
    {%- if sql.find(target | string) < 0 -%}{%- do get_assert_columns_equivalent(sql) -%}{%- endif -%}
    {{- return(['create table ' ~ target ~ ' ' ~ get_table_columns_and_constraints()]) -}}
  {%- endif -%}
  {{- return(['create table ' ~ target ~ ' as select * from (' ~ sql ~ ') as model_rows limit 0']) -}}
{% endmacro %}

{# Brings the stale periods of `target` up to date, chunk by chunk; says how many and which. #}
{% macro build_stale(target, sql, inputs, day, unit, logic) %}
  {%- set in_order = inputs | selectattr('kind', 'equalto', 'self') | list | length > 0 -%}
  {%- set ns = namespace(periods=0, first=none, last=none, done=false) -%}
  {%- for round in range(100000) if not ns.done -%}
    {%- set stale = run_query(stale_sql(inputs, unit, target.identifier)).rows -%}
    {%- set ns.done = not (in_order and stale | length > 1) -%}
    {%- for chunk in chunks_of(stale, 1 if in_order else var('chunk_rows') | int, in_order) -%}
      {%- set periods = chunk | map(attribute='day') | list -%}
      {%- set made_of = {} -%}
      {%- for row in chunk -%}{%- do made_of.update({row['day']: row['inputs_now']}) -%}{%- endfor -%}
      {%- set columns = adapter.get_columns_in_relation(target) -%}
      {%- do in_one_transaction(
        ['delete from ' ~ target ~ ' where ' ~ in_periods(day, periods, 'day')]
        + narrow_sources(inputs, periods, unit)
        + ['insert into ' ~ target ~ ' by name select * from (' ~ narrow(sql, periods, unit, target) ~ ') as model_rows where ' ~ in_periods(day, periods, 'day')]
        + reset_sources(inputs)
        + [record_periods(target, columns, day, periods, made_of, logic)]) -%}
      {%- set ns.periods = ns.periods + periods | length -%}
      {%- set ns.first = [ns.first or periods[0], periods[0]] | min -%}
      {%- set ns.last = [ns.last or periods[-1], periods[-1]] | max -%}
    {%- endfor -%}
  {%- endfor -%}
  {%- set said = 'nothing stale' if not ns.periods else ns.periods ~ ' stale ' ~ unit ~ ('s' if ns.periods > 1) ~ ' (' ~ ns.first ~ (' … ' ~ ns.last if ns.last != ns.first) ~ ')' -%}
  {{- return({'periods': ns.periods, 'said': said}) -}}
{% endmacro %}

{# Stale periods in chunks of at most `most` input rows each (at least one period; only the first period when each needs the one before). #}
{% macro chunks_of(stale, most, in_order) %}
  {%- if in_order -%}{{- return([[stale[0]]] if stale | length else []) -}}{%- endif -%}
  {%- set chunks = [] -%}
  {%- set ns = namespace(rows=0) -%}
  {%- for row in stale -%}
    {%- if not chunks or ns.rows + row['row_count'] > most -%}
      {%- do chunks.append([]) -%}{%- set ns.rows = 0 -%}
    {%- endif -%}
    {%- do chunks[-1].append(row) -%}{%- set ns.rows = ns.rows + row['row_count'] -%}
  {%- endfor -%}
  {{- return(chunks) -}}
{% endmacro %}

{# What a build would do to this model, appended to ops.plan. #}
{% macro plan_model(target, inputs, unit, rebuild) %}
  {%- set known = adapter.get_relation(this.database, this.schema, this.identifier) is not none -%}
  {%- set rows = [] -%}
  {%- for row in run_query(stale_sql(inputs, unit, target.identifier)).rows -%}
    {%- set reason = 'definition changed' if rebuild and known else stale_reason(row) -%}
    {%- do rows.append("('" ~ this.identifier ~ "', date '" ~ row['day'] ~ "', '" ~ reason ~ "', " ~ row['row_count'] ~ ")") -%}
  {%- endfor -%}
  {%- if rows -%}
    {%- do run_query('insert into ops.plan values ' ~ rows | join(', ')) -%}
  {%- endif -%}
{% endmacro %}
