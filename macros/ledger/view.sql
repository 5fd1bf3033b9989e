{# A view that says in ops.definitions what it is, so that tables reading through it notice when it changes. #}
{% materialization view, adapter='duckdb' %}
  {%- set target = this.incorporate(type='view') -%}
  {%- if planning() -%}
    {%- do run_query(record_definition(this, fingerprint(sql))) -%}
    {% call statement('main') %} select 1 {% endcall %}
    {{ return({'relations': []}) }}
  {%- endif -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {%- if config.get('contract').enforced -%}{%- do get_assert_columns_equivalent(sql) -%}{%- endif -%}
  {% call statement('main', auto_begin=True) %}
    create or replace view {{ target }} as {{ sql }};
    {{ record_definition(this, fingerprint(sql)) }}
  {% endcall %}
  {%- do persist_docs(target, model) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do adapter.commit() %}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}
