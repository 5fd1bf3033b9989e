{# A view that says in ops.definitions what it is, so that tables reading through it notice when it changes. #}
{% materialization view, adapter='duckdb' %}{{ return(recorded_view()) }}{% endmaterialization %}

{% materialization view, adapter='spark' %}{{ return(recorded_view()) }}{% endmaterialization %}

{% macro recorded_view() %}
  {%- set view = this.incorporate(type='view') -%}
  {%- set record = record_definition(view.identifier, definition_of(model, sql)) -%}
  {%- if planning() -%}
    {%- do run_query(record) -%}
    {%- do no_operation() -%}
    {{ return({'relations': []}) }}
  {%- endif -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {%- if config.get('contract').enforced -%}{%- do check_contract(sql) -%}{%- endif -%}
  {%- do in_one_transaction(['create or replace view ' ~ view ~ ' as ' ~ sql, record]) -%}
  {%- do no_operation() -%}
  {%- do persist_docs(view, model) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do adapter.commit() %}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [view]}) }}
{% endmacro %}
