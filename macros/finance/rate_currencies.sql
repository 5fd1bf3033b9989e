{# The currencies the European Central Bank's file has a column for, as the backend's YAML lists them. #}
{% macro rate_currencies() %}
  {%- set currencies = [] -%}
  {%- if execute -%}
    {%- for node in graph.sources.values() if node.source_name == 'rates' and node.name == 'eurofxref' -%}
      {%- for column in node.columns.values() if column.data_type.startswith('decimal') -%}{%- do currencies.append(column.name) -%}{%- endfor -%}
    {%- endfor -%}
  {%- endif -%}
  {{ return(currencies or ['usd']) }}
{% endmacro %}
