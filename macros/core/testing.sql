{#
  Within a generic test on a by_day model: lets the landed tables behind `staged`, a staging view, be read only where
  they hold rows of the days that the test looks at. Returns the name of the model's day.
#}
{% macro narrow_to_changed_days(staged) %}
  {%- if not execute or not model.attached_node -%}{{- return('day') -}}{%- endif -%}
  {%- set tested = graph.nodes[model.attached_node] -%}
  {%- if flags.WHICH in ['build', 'test'] and env_var('NIGHTSHIFT_TEST_ALL', '') != '1' -%}
    {%- set days = run_query("select distinct cast(day as " ~ dbt.type_string() ~ ") as day from ops.changed_days where relation = '" ~ tested.name ~ "' order by 1").columns[0].values() | list -%}
    {%- set inputs = [] -%}
    {%- for node in graph.nodes.values() if node.name == staged and node.resource_type == 'model' -%}
      {%- for id in node.depends_on.nodes if id in graph.sources -%}
        {%- do inputs.append({'kind': 'landed', 'name': graph.sources[id].name, 'node': graph.sources[id], 'read': 'day'}) -%}
      {%- endfor -%}
    {%- endfor -%}
    {%- for statement in narrow_sources(inputs, days, 'day') -%}{%- do run_query(statement) -%}{%- endfor -%}
  {%- endif -%}
  {{- return(tested.config.day) -}}
{% endmacro %}

{# The condition on a day column that keeps a generic test to the days changed since the tested model was last published. #}
{% macro changed_days_of_attached(day) %}
  {{- return(changed_days(graph.nodes[model.attached_node].name, day) if execute and model.attached_node else 'true') -}}
{% endmacro %}
