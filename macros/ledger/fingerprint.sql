{#
  What a SQL text says, whatever it looks like: its tokens without comments and white space, literals untouched,
  and the markers that stale_days() left (they are comments, but they decide what is read).
#}
{% macro fingerprint(sql) %}
  {%- set re = modules.re -%}
  {%- set tokens = re.findall("(?s)--[^\\n]*|/\\*.*?\\*/|('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[\\w$]+|[^\\s\\w])", sql) | select | join(' ') -%}
  {%- set markers = re.findall('/\\*stale:(.*?)\\*/', sql) | join(' ') -%}
  {{- return(local_md5(tokens ~ '|' ~ markers)) -}}
{% endmacro %}

{# What a model is: its SQL and everything in its configuration that changes the result. #}
{% macro logic_of(model, sql) %}
  {%- set columns = [] -%}
  {%- for column in model.columns.values() if column.data_type -%}
    {%- do columns.append(column.name ~ ' ' ~ column.data_type) -%}
  {%- endfor -%}
  {{- return(local_md5(fingerprint(sql) ~ tojson([config.get('day'), config.get('unit', 'day'), config.get('reads', {}), columns], sort_keys=true))) -}}
{% endmacro %}

{# An order-free hash of a relation's rows over the canonical text of its columns; lineage columns (_…) aside. #}
{% macro content_hash(relation) %}
  {%- if not execute -%}{{- return('') -}}{%- endif -%}
  {%- set columns = adapter.get_columns_in_relation(relation) -%}
  {%- set hash = run_query('select ' ~ rows_hash(columns) ~ ' from ' ~ relation) -%}
  {{- return(hash.columns[0][0]) -}}
{% endmacro %}

{#
  The aggregate behind every output hash: sum of 64 bits of each row's md5, with the count and the columns' names and
  types, so that order does not matter, duplicates do, and both engines agree.
#}
{% macro rows_hash(columns) %}
  {%- set kept = [] -%}
  {%- for column in columns if not column.name.startswith('_') -%}{%- do kept.append(column) -%}{%- endfor -%}
  {%- set shape = [] -%}
  {%- for column in kept -%}{%- do shape.append(column.name | lower ~ ' ' ~ portable_type(column.data_type)) -%}{%- endfor -%}
  {{- return("md5(concat('" ~ local_md5(shape | sort | join(',')) ~ "', ':', coalesce(cast(sum(" ~ row_number_hash(kept) ~ ") as varchar), '0'), ':', cast(count(*) as varchar)))") -}}
{% endmacro %}

{# One row as a 64-bit number: half of the md5 of its canonical text. #}
{% macro row_number_hash(columns) %}
  {%- set texts = [] -%}
  {%- for column in columns | sort(attribute='name') -%}
    {%- do texts.append("coalesce(" ~ canonical_text(adapter.quote(column.name), column.data_type) ~ ", chr(30))") -%}
  {%- endfor -%}
  {{- return(md5_number("concat_ws(chr(31), " ~ texts | join(', ') ~ ")")) -}}
{% endmacro %}
