{# Ends a model before it is made when a relation of (file, line_number, problem) has rows, and says which. #}
{% macro stop_on_problems(problems) %}
  {%- if execute and model.resource_type == 'model' and flags.WHICH in ['build', 'run'] -%}
    {%- set found = run_query('select file, line_number, problem from ' ~ problems ~ ' order by 1, 2, 3') -%}
    {%- if found.rows | length -%}
      {%- set lines = [] -%}
      {%- for row in found.rows -%}{%- do lines.append(row[0] ~ ', line ' ~ row[1] ~ ': ' ~ row[2]) -%}{%- endfor -%}
      {%- do exceptions.raise_compiler_error('\n'.join(lines)) -%}
    {%- endif -%}
  {%- endif -%}
{% endmacro %}
