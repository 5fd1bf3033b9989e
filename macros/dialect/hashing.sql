{#
  A number for one row that changes when any of its columns does. The engine's own hash: twenty times cheaper than md5
  of the row as text, and compared only with what the same engine wrote (a new version of an engine may hash otherwise:
  days rebuilt then count as changed, never as the same). DOUBLE by ten digits: sums of them differ in the last ones.
#}
{% macro row_hash(columns) %}{{ return(adapter.dispatch('row_hash')(columns)) }}{% endmacro %}

{% macro duckdb__row_hash(columns) %}
  {%- set values = ['0'] -%}
  {%- for column in columns -%}
    {%- set name = adapter.quote(column.name) -%}
    {%- do values.append("printf('%.9e', " ~ name ~ " + 0.0)" if column.dtype | lower in ['double', 'float'] else name) -%}
  {%- endfor -%}
  {{ return('cast(hash(' ~ values | join(', ') ~ ') as hugeint)') }}
{% endmacro %}

{# Texts of a group joined by semicolons in a given order. #}
{% macro ordered_concat(text, order) %}{{ return(adapter.dispatch('ordered_concat')(text, order)) }}{% endmacro %}

{% macro duckdb__ordered_concat(text, order) %}{{ return("string_agg(" ~ text ~ ", ';' order by " ~ order ~ ")") }}{% endmacro %}
