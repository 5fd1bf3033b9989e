{# A small table that is rebuilt as a whole, and only when something it is made of changed. Recorded like a day without a date. #}
{% materialization whole, default %}
  {%- set live = this.incorporate(type='table') -%}
  {%- set logic = logic_of(model, sql) -%}
  {%- set inputs = model_inputs(model) -%}
  {%- set versions = [] -%}
  {%- for input in inputs -%}
    {%- if input.read not in ['whole', 'latest'] -%}{%- do refuse(model, "a whole table reads " ~ input.name ~ " 'whole' (or a landed table 'latest')") -%}{%- endif -%}
    {%- do versions.append(whole_version_sql(input)) -%}
  {%- endfor -%}
  {%- set now = run_query('select ' ~ ordered_concat(input_text(), input_text()) ~ ' as inputs from (' ~ (versions | join(' union all ') or "select 'nothing' as input, 'none' as version") ~ ') as all_inputs').rows[0][0] -%}
  {%- set exists = adapter.get_relation(live.database, live.schema, live.identifier) is not none -%}
  {%- set recorded = run_query("select logic_hash, inputs from ops.fresh where relation = '" ~ live.identifier ~ "' and day is null and logic_hash is not null").rows -%}
  {%- set known = exists and recorded | length > 0 -%}
  {%- set redefined = known and recorded[0][0] != logic -%}
  {%- set stale = not known or redefined or recorded[0][1] != now -%}

  {%- if planning() -%}
    {%- if stale -%}
      {%- set reason = 'new' if not known else 'definition changed' if redefined else stale_reason(now, recorded[0][1]) -%}
      {%- do in_one_transaction(["insert into ops.plan values ('" ~ live.identifier ~ "', null, '" ~ reason ~ "', null)"]) -%}
    {%- endif -%}
    {%- do no_operation() -%}
    {{ return({'relations': []}) }}
  {%- endif -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {%- if stale -%}
    {%- set next = next_to(live) -%}
    {%- if config.get('contract').enforced -%}{%- do check_contract(sql) -%}{%- endif -%}
    {%- do in_one_transaction(['drop table if exists ' ~ next] + create_empty(next, sql)) -%}
    {%- set columns = columns_of(next) -%}
    {%- do in_one_transaction(narrow_sources(inputs, [], 'day') + [insert_rows(next, sql, columns)] + reset_sources(inputs, [], 'day')) -%}
    {%- do in_one_transaction(
      take_place_of(live, next) + record_slices(live, columns)
      + [record_event(live.identifier, 'created'),
        append_to_ledger(live.identifier, "select cast(null as date) as day, '" ~ logic ~ "' as logic_hash, '" ~ now ~ "' as inputs, " ~ rows_hash(columns) ~ " as output_hash, count(*) as row_count from " ~ live)]) -%}
  {%- endif -%}
  {%- do describe(live, stale) -%}
  {%- do no_operation() -%}
  {{ log(this.identifier ~ ': ' ~ ('nothing stale' if not stale else 'rebuilt' ~ (' (definition changed)' if redefined)), info=true) }}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do adapter.commit() %}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [live]}) }}
{% endmaterialization %}
