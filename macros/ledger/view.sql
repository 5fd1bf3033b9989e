{# A view that says in ops.definitions what it is, so that tables reading through it notice when it changes. #}
{% materialization view, adapter='duckdb' %}{{ return(recorded_view()) }}{% endmaterialization %}

{% materialization view, adapter='spark' %}{{ return(recorded_view()) }}{% endmaterialization %}

{% macro recorded_view() %}
  {%- set view = this.incorporate(type='view') -%}
  {%- set definition = definition_of(model, sql) -%}
  {%- set record = record_definition(view.identifier, definition) -%}
  {%- if planning() -%}
    {%- do in_one_transaction([record]) -%}
    {%- do no_operation() -%}
    {{ return({'relations': []}) }}
  {%- endif -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {%- if flags.FULL_REFRESH or not is_made(view, definition) -%}
    {%- if config.get('contract').enforced -%}{%- do check_contract(sql) -%}{%- endif -%}
    {%- do in_one_transaction(['create or replace view ' ~ view ~ ' as ' ~ sql, record]) -%}
  {%- endif -%}
  {%- do no_operation() -%}
  {%- do persist_docs(view, model) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do adapter.commit() %}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [view]}) }}
{% endmacro %}

{# Whether a view is there as it would be made now: looking costs a tenth of making it, and there are many. #}
{% macro is_made(view, definition) %}
  {%- if not adapter.get_relation(view.database, view.schema, view.identifier) -%}{{- return(false) -}}{%- endif -%}
  {%- set newest = run_query("select version from ops.definitions where relation = '" ~ view.identifier ~ "' order by sequence desc limit 1") -%}
  {{- return(newest.rows | length > 0 and newest.rows[0][0] == definition) -}}
{% endmacro %}
