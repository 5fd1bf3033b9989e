{# A small table that is rebuilt as a whole, and only when something it is made of changed. Recorded like a day without a date. #}
{% materialization whole, adapter='duckdb' %}
  {%- set live = this.incorporate(type='table') -%}
  {%- set logic = logic_of(model, sql) -%}
  {%- set inputs = model_inputs(model) -%}
  {%- set versions = [] -%}
  {%- for input in inputs -%}{%- do versions.append(whole_version_sql(input)) -%}{%- endfor -%}
  {%- set now = run_query('select ' ~ ordered_concat("concat(input, '=', substr(coalesce(version, 'none'), 1, 12))", 'input') ~ ' as inputs from (' ~ (versions | join(' union all ') or "select 'nothing' as input, 'none' as version") ~ ') as all_inputs').rows[0][0] -%}
  {%- set exists = adapter.get_relation(this.database, this.schema, this.identifier) is not none -%}
  {%- set was = run_query("select logic_hash, inputs from ops.fresh where relation = '" ~ this.identifier ~ "' and logic_hash is not null").rows -%}
  {%- set redefined = exists and was | length and was[0][0] != logic -%}
  {%- set stale = not exists or not was | length or redefined or was[0][1] != now -%}

  {%- if planning() -%}
    {%- if stale -%}
      {%- set reason = 'new' if not exists else 'definition changed' if redefined else stale_reason({'kind': 'changed', 'inputs_now': now, 'inputs_were': was[0][1] if was | length}) -%}
      {%- do run_query("insert into ops.plan values ('" ~ this.identifier ~ "', null, '" ~ reason ~ "', null)") -%}
    {%- endif -%}
    {% call statement('main') %} select 1 {% endcall %}
    {{ return({'relations': []}) }}
  {%- endif -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {%- if stale -%}
    {%- set next = api.Relation.create(database=this.database, schema=this.schema, identifier=this.identifier ~ '__next', type='table') -%}
    {%- do in_one_transaction(
      ['drop table if exists ' ~ next] + create_empty(next, sql) + narrow_sources(inputs, [], 'day')
      + ['insert into ' ~ next ~ ' by name ' ~ sql] + reset_sources(inputs)) -%}
    {%- set columns = adapter.get_columns_in_relation(next) -%}
    {%- do in_one_transaction(
      ['drop table if exists ' ~ live, 'alter table ' ~ next ~ ' rename to ' ~ adapter.quote(live.identifier), record_created(live.identifier),
      "insert into ops.ledger select " ~ ledger_key(live.identifier) ~ ", cast(null as date), '" ~ logic ~ "', '" ~ now ~ "', " ~ rows_hash(columns) ~ ", count(*), '" ~ invocation_id ~ "', current_timestamp from " ~ live]
      + record_slices(live, columns)) -%}
    {%- do persist_docs(live, model) -%}
  {%- endif -%}
  {% call statement('main') %} select {{ stale | int }} as rebuilt {% endcall %}
  {{ log(this.identifier ~ ': ' ~ ('nothing stale' if not stale else 'rebuilt' ~ (' (definition changed)' if redefined)), info=true) }}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do adapter.commit() %}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [live]}) }}
{% endmaterialization %}
