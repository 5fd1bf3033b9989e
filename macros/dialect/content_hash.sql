{#
  The hash of a relation's content that both engines agree on, so that it can be compared with what was published years
  ago, whatever has become of engine and version since. (The ledger's own hash is twenty times cheaper, and an engine's
  and a version's own: see row_hash.)

  Each row is a text: its columns in order of name, lineage columns (_…) left out; an empty value is -, a text is its
  length, a colon and itself, a moment is microseconds since 1970, a double has ten digits, anything else is what a cast to
  text gives. Of the text's md5, the first and the second 15 hexadecimal digits are two numbers, and both are summed
  exactly over all rows: order does not matter, duplicates do, and the sums of days add up to those of their union.
  The hash is md5 of `shape:first:second:rows`, where shape is md5 of the columns' names and types.

  content_sums(columns): the aggregates shape, first, second and rows, for a select over the relation.
#}
{% macro content_sums(columns) %}
  {%- set kept = hashed_columns(columns) -%}
  {%- set texts = [] -%}{%- set shape = [] -%}
  {%- for column in kept -%}
    {%- set kind = portable_type(column.dtype) -%}
    {%- do shape.append(column.name | lower ~ ' ' ~ kind) -%}
    {%- do texts.append(portable_text(adapter.quote(column.name), kind)) -%}
  {%- endfor -%}
  {%- set row_md5 = "md5(concat(" ~ (texts | join(", '|', ") or "''") ~ "))" -%}
  {%- set sums = ["'" ~ local_md5(shape | join(',')) ~ "' as shape"] -%}
  {%- for name, from in [('first', 1), ('second', 16)] -%}
    {%- do sums.append("coalesce(sum(" ~ hexadecimal("substring(" ~ row_md5 ~ ", " ~ from ~ ", 15)") ~ "), 0) as " ~ name ~ "_sum") -%}
  {%- endfor -%}
  {{- return(sums | join(', ') ~ ', count(*) as row_count') -}}
{% endmacro %}

{# The hash itself, of sums that have been added up. #}
{% macro content_hash_of_sums() %}
  {%- set text = dbt.type_string() -%}
  {{- return("md5(concat(max(shape), ':', cast(cast(sum(first_sum) as decimal(38, 0)) as " ~ text ~ "), ':', cast(cast(sum(second_sum) as decimal(38, 0)) as " ~ text ~ "), ':', cast(cast(sum(row_count) as bigint) as " ~ text ~ ")))") -}}
{% endmacro %}

{# A type by the name both engines have for it. #}
{% macro portable_type(dtype) %}
  {%- set kind = dtype | lower | replace(' ', '') -%}
  {%- if kind in ['varchar', 'string', 'text', 'json', 'charactervarying'] -%}{{- return('text') -}}{%- endif -%}
  {%- if kind in ['tinyint', 'smallint', 'integer', 'int', 'bigint', 'hugeint'] -%}{{- return('integer') -}}{%- endif -%}
  {%- if kind in ['double', 'float', 'real'] -%}{{- return('double') -}}{%- endif -%}
  {%- if kind in ['timestamp', 'timestamp_ntz'] -%}{{- return('timestamp') -}}{%- endif -%}
  {%- if kind in ['date', 'boolean'] or kind.startswith('decimal(') -%}{{- return(kind) -}}{%- endif -%}
  {{- exceptions.raise_compiler_error('no content hash of a column of type ' ~ dtype ~ ': give macros/dialect/content_hash.sql its text') -}}
{% endmacro %}

{# What a column adds to a row's text, for concat: a text is not copied to put its length before it. #}
{% macro portable_text(column, kind) %}
  {%- if kind == 'text' -%}
    {{- return("coalesce(cast(length(" ~ column ~ ") as " ~ dbt.type_string() ~ ") || ':', '-'), coalesce(" ~ column ~ ", '')") -}}
  {%- endif -%}
  {%- if kind == 'double' -%}
    {%- set text = ten_digits(column) -%}
  {%- elif kind.startswith('decimal(') -%}
    {%- set text = every_digit(column, kind) -%}
  {%- else -%}
    {%- set text = "cast(" ~ (microseconds(column) if kind == 'timestamp' else column) ~ " as " ~ dbt.type_string() ~ ")" -%}
  {%- endif -%}
  {{- return("coalesce(" ~ text ~ ", '-')") -}}
{% endmacro %}

{# Fifteen hexadecimal digits as a number whose sum is exact: DuckDB sums bigints in 128 bits. #}
{% macro hexadecimal(digits) %}{{ return(adapter.dispatch('hexadecimal')(digits)) }}{% endmacro %}
{% macro duckdb__hexadecimal(digits) %}{{ return("cast(concat('0x', " ~ digits ~ ") as bigint)") }}{% endmacro %}
{% macro spark__hexadecimal(digits) %}{{ return("cast(conv(" ~ digits ~ ", 16, 10) as decimal(20, 0))") }}{% endmacro %}

{# A decimal with all the digits of its scale: Spark's cast writes 0.00000000001 as 1E-11. #}
{% macro every_digit(column, kind) %}{{ return(adapter.dispatch('every_digit')(column, kind)) }}{% endmacro %}
{% macro duckdb__every_digit(column, kind) %}{{ return("cast(" ~ column ~ " as varchar)") }}{% endmacro %}
{% macro spark__every_digit(column, kind) %}
  {{- return("replace(format_number(" ~ column ~ ", " ~ kind.rstrip(')').split(',')[1] ~ "), ',', '')") -}}
{% endmacro %}

{# Microseconds since 1970 of a moment in UTC. #}
{% macro microseconds(column) %}{{ return(adapter.dispatch('microseconds')(column)) }}{% endmacro %}
{% macro duckdb__microseconds(column) %}{{ return("epoch_us(" ~ column ~ ")") }}{% endmacro %}
{% macro spark__microseconds(column) %}{{ return("unix_micros(cast(" ~ column ~ " as timestamp))") }}{% endmacro %}

{# A double by ten digits; minus nothing is nothing. #}
{% macro ten_digits(column) %}{{ return(adapter.dispatch('ten_digits')(column)) }}{% endmacro %}
{% macro duckdb__ten_digits(column) %}{{ return("printf('%.9e', " ~ column ~ " + 0.0)") }}{% endmacro %}
{% macro spark__ten_digits(column) %}
  {{- return("case when isnan(" ~ column ~ ") then 'nan' when abs(" ~ column ~ ") = double('infinity') then if(" ~ column ~ " > 0, 'inf', '-inf') when " ~ column ~ " is not null then format_string('%.9e', " ~ column ~ " + 0.0D) end") -}}
{% endmacro %}
