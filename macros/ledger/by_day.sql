{#
  A table that is plain SQL over all history and is rebuilt only for the periods whose inputs changed: `day` names its
  date column, `unit` is 'day' or 'month', `reads` says how each input is read (see model_inputs). Chunks of periods,
  sized by rows, are each written and recorded in one transaction; a changed definition is built beside the table
  readers have and takes its place when it is whole.
#}
{% materialization by_day, default %}
  {%- set live = this.incorporate(type='table') -%}
  {%- set shadow = next_to(live) -%}
  {%- set day = config.require('day') -%}
  {%- set unit = config.get('unit', 'day') -%}
  {%- set logic = logic_of(model, sql) -%}
  {%- set inputs = model_inputs(model) -%}
  {%- do check_reads(inputs, unit, sql) -%}
  {%- set ns = namespace(known=logic_recorded(live)) -%}
  {%- set ns.rebuild = ns.known != logic -%}

  {%- if planning() -%}
    {%- do plan_periods(stale_periods(inputs, unit, 'nothing' if ns.rebuild else live.identifier), inputs, unit, 'definition changed' if ns.rebuild and ns.known) -%}
    {%- do no_operation() -%}
    {{ return({'relations': []}) }}
  {%- endif -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {%- if not ns.rebuild -%}
    {%- set ns.stale = stale_periods(inputs, unit, live.identifier) -%}
    {#- The same SQL over inputs of other types makes other columns. -#}
    {%- set ns.rebuild = ns.stale | length > 0 and not config.get('contract').enforced and shape_of(adapter.get_column_schema_from_query(sql)) != shape_of(adapter.get_column_schema_from_query('select * from ' ~ live)) -%}
  {%- endif -%}
  {%- if ns.rebuild -%}
    {%- do prepare_shadow(shadow, sql, unit, logic, day) -%}
    {%- set ns.stale = stale_periods(inputs, unit, shadow.identifier) -%}
  {%- else -%}
    {%- if adapter.get_relation(shadow.database, shadow.schema, shadow.identifier) -%}
      {%- do in_one_transaction(['drop table ' ~ shadow, record_event(shadow.identifier, 'created')]) -%}
    {%- endif -%}
    {%- if ns.stale and config.get('contract').enforced -%}{%- do check_contract(sql) -%}{%- endif -%}
  {%- endif -%}

  {%- set target = shadow if ns.rebuild else live -%}
  {%- set built = build_stale(ns.stale, target, sql, inputs, day, unit, logic) -%}
  {%- if ns.rebuild -%}
    {%- do in_one_transaction(take_place_of(live, shadow) + [
      record_event(live.identifier, 'created'),
      append_to_ledger(live.identifier, "select day, logic_hash, inputs, output_hash, row_count from ops.fresh where relation = '" ~ shadow.identifier ~ "'"),
      record_event(shadow.identifier, 'created')]) -%}
  {%- endif -%}
  {%- do describe(live, ns.rebuild) -%}
  {%- do no_operation() -%}
  {{ log(this.identifier ~ ': ' ~ in_words(built, unit) ~ (' (definition changed)' if ns.rebuild and ns.known), info=true) }}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do adapter.commit() %}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [live]}) }}
{% endmaterialization %}

{# The table beside the one readers have, in which the next one is made. #}
{% macro next_to(live) %}
  {{- return(api.Relation.create(database=live.database, schema=live.schema, identifier=live.identifier ~ '__next', type='table')) -}}
{% endmacro %}

{# The logic a relation's rows were made with, if it exists and the ledger knows it. #}
{% macro logic_recorded(relation) %}
  {%- if not adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}{{- return(none) -}}{%- endif -%}
  {%- set found = run_query("select logic_hash from ops.fresh where relation = '" ~ relation.identifier ~ "' and logic_hash is not null order by sequence desc limit 1") -%}
  {{- return(found.rows[0][0] if found.rows | length) -}}
{% endmacro %}

{# An empty shadow, unless a build that was interrupted left one of this very logic: then it goes on where it stopped. #}
{% macro prepare_shadow(shadow, sql, unit, logic, day) %}
  {%- set shape = [] if config.get('contract').enforced else adapter.get_column_schema_from_query(narrow(sql, [], unit, this)) -%}
  {%- if logic_recorded(shadow) != logic or (shape and shape_of(shape) != shape_of(adapter.get_column_schema_from_query('select * from ' ~ shadow))) -%}
    {%- do in_one_transaction(['drop table if exists ' ~ shadow] + create_empty(shadow, narrow(sql, [], unit, this), day) + [record_event(shadow.identifier, 'created')]) -%}
    {%- if config.get('contract').enforced -%}{%- do check_contract(narrow(sql, [], unit, shadow)) -%}{%- endif -%}
    {%- do in_one_transaction([record_event(shadow.identifier, 'started', logic)]) -%}
  {%- endif -%}
{% endmacro %}

{# Brings the stale periods of `target` up to date, chunk by chunk; returns them. #}
{% macro build_stale(stale, target, sql, inputs, day, unit, logic) %}
  {%- set built = [] -%}
  {%- if stale -%}
    {%- set columns = columns_of(target) -%}
    {%- if reads_itself(inputs) -%}
      {%- set outputs = {} -%}
      {%- for period in stale -%}
        {%- set now = made_of(period, inputs, unit, outputs) -%}
        {%- if period.wanted and now != period.inputs_were -%}
          {%- do write_chunk({period.day: now}, target, sql, inputs, day, unit, logic, columns) -%}
          {%- do outputs.update({period.day: run_query("select output_hash from ops.fresh where relation = '" ~ target.identifier ~ "' and day = date '" ~ period.day ~ "'").columns[0][0] if now else 'none'}) -%}
          {%- do built.append(period.day) -%}
        {%- else -%}
          {%- do outputs.update({period.day: period.output_was or 'none'}) -%}
        {%- endif -%}
      {%- endfor -%}
    {%- else -%}
      {%- for chunk in chunks_of(stale, var('chunk_rows') | int) -%}
        {%- set made_of_now = {} -%}
        {%- for period in chunk -%}{%- do made_of_now.update({period.day: period.inputs_now}) -%}{%- endfor -%}
        {%- do write_chunk(made_of_now, target, sql, inputs, day, unit, logic, columns) -%}
        {%- do built.extend(made_of_now) -%}
      {%- endfor -%}
    {%- endif -%}
  {%- endif -%}
  {{- return(built) -}}
{% endmacro %}

{# Writes some periods and records them, both or neither. `made_of_now`: inputs by period. #}
{% macro write_chunk(made_of_now, target, sql, inputs, day, unit, logic, columns) %}
  {%- set periods = made_of_now | list -%}
  {%- set rows = 'select * from (' ~ narrow(sql, periods, unit, target) ~ ') as model_rows where ' ~ in_periods(day, periods, 'day') -%}
  {%- do in_one_transaction(
    narrow_sources(inputs, periods, unit)
    + replace_periods(target, rows, columns, day, periods)
    + [record_periods(target, columns, day, made_of_now, logic)]
    + reset_sources(inputs, periods, unit)) -%}
{% endmacro %}

{# Stale periods in chunks of at most `most` input rows each (at least one period). #}
{% macro chunks_of(stale, most) %}
  {%- set chunks = [] -%}
  {%- set ns = namespace(rows=0) -%}
  {%- for period in stale -%}
    {%- if not chunks or ns.rows + period.row_count > most -%}
      {%- do chunks.append([]) -%}{%- set ns.rows = 0 -%}
    {%- endif -%}
    {%- do chunks[-1].append(period) -%}{%- set ns.rows = ns.rows + period.row_count -%}
  {%- endfor -%}
  {{- return(chunks) -}}
{% endmacro %}

{# Appends to ops.plan what a build would do to this model: its stale periods, each with `reason` or the inputs that differ. #}
{% macro plan_periods(stale, inputs, unit, reason) %}
  {%- set rows = [] -%}
  {%- set outputs = {} -%}
  {%- for period in stale -%}
    {%- set now = made_of(period, inputs, unit, outputs) -%}
    {%- if period.wanted and now != period.inputs_were -%}
      {%- do rows.append("('" ~ this.identifier ~ "', date '" ~ period.day ~ "', '" ~ (reason or stale_reason(now, period.inputs_were)) ~ "', " ~ period.row_count ~ ")") -%}
      {%- do outputs.update({period.day: 'planned'}) -%}
    {%- else -%}
      {%- do outputs.update({period.day: period.output_was or 'none'}) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- if rows -%}{%- do in_one_transaction(['insert into ops.plan values ' ~ rows | join(', ')]) -%}{%- endif -%}
{% endmacro %}

{% macro in_words(periods, unit) %}
  {%- if not periods -%}{{- return('nothing stale') -}}{%- endif -%}
  {%- set first = periods | min -%}{%- set last = periods | max -%}
  {{- return(periods | length ~ ' stale ' ~ unit ~ ('s' if periods | length > 1) ~ ' (' ~ first ~ (' … ' ~ last if last != first) ~ ')') -}}
{% endmacro %}

{# Table and column comments from the YAML, when they changed or the table is new. #}
{% macro describe(relation, is_new) %}
  {%- set texts = [model.description] -%}
  {%- for column in model.columns.values() -%}{%- do texts.append(column.name ~ ' ' ~ column.description) -%}{%- endfor -%}
  {%- set version = local_md5(texts | join('|')) -%}
  {%- set name = relation.identifier ~ ' (comments)' -%}
  {%- set known = run_query("select count(*) from " ~ definitions() ~ " as definitions where relation = '" ~ name ~ "' and version = '" ~ version ~ "'").columns[0][0] > 0 -%}
  {%- if is_new or not known -%}
    {%- do persist_docs(relation, model) -%}
    {%- do run_query(record_definition(name, version)) -%}
  {%- endif -%}
{% endmacro %}

{# What dbt wants of every materialization: a statement called main. #}
{% macro no_operation() %}{% call statement('main') %} select 1 {% endcall %}{% endmacro %}
