{# A JSON object of names and SQL expressions (text, numbers, or JSON themselves), in the order given. #}
{% macro json_object_of(values) %}{{ return(adapter.dispatch('json_object_of')(values)) }}{% endmacro %}

{% macro duckdb__json_object_of(values) %}
  {%- set parts = [] -%}
  {%- for name, value in values.items() -%}{%- do parts.append("'" ~ name ~ "', " ~ value) -%}{%- endfor -%}
  {{ return('json_object(' ~ parts | join(', ') ~ ')') }}
{% endmacro %}

{% macro spark__json_object_of(values) %}
  {%- set parts = [] -%}
  {%- for name, value in values.items() -%}{%- do parts.append("'" ~ name ~ "', " ~ value) -%}{%- endfor -%}
  {{ return('to_json(named_struct(' ~ parts | join(', ') ~ "), map('ignoreNullFields', 'false'))") }}
{% endmacro %}

{# The values of a group as a JSON list in a given order. #}
{% macro json_list(value, order) %}{{ return(adapter.dispatch('json_list')(value, order)) }}{% endmacro %}

{% macro duckdb__json_list(value, order) %}{{ return('to_json(list(' ~ value ~ ' order by ' ~ order ~ '))') }}{% endmacro %}

{% macro spark__json_list(value, order) %}{{ return('to_json(transform(array_sort(collect_list(struct(' ~ order ~ ' as place, ' ~ value ~ ' as kept))), each -> each.kept))') }}{% endmacro %}
