{# A column as text that is the same on both engines. #}
{% macro canonical_text(column, data_type) %}{{ return(adapter.dispatch('canonical_text')(column, data_type)) }}{% endmacro %}

{% macro duckdb__canonical_text(column, data_type) %}
  {%- set type = portable_type(data_type) -%}
  {%- if type == 'varchar' -%}{{ return(column) }}
  {%- elif type == 'timestamp' -%}{{ return('cast(epoch_us(' ~ column ~ ') as varchar)') }}
  {%- elif type == 'double' -%}{{ return("printf('%.9e', " ~ column ~ " + 0.0)") }}
  {%- else -%}{{ return('cast(' ~ column ~ ' as varchar)') }}
  {%- endif -%}
{% endmacro %}

{% macro spark__canonical_text(column, data_type) %}
  {%- set type = portable_type(data_type) -%}
  {%- if type == 'varchar' -%}{{ return(column) }}
  {%- elif type == 'timestamp' -%}{{ return('cast(unix_micros(cast(' ~ column ~ ' as timestamp)) as string)') }}
  {%- elif type == 'double' -%}{{ return("format_string('%.9e', " ~ column ~ " + 0.0D)") }}
  {%- else -%}{{ return('cast(' ~ column ~ ' as string)') }}
  {%- endif -%}
{% endmacro %}

{# The one name under which both engines' spellings of a type are hashed. #}
{% macro portable_type(data_type) %}
  {%- set type = data_type | lower | replace(' ', '') -%}
  {%- if type in ['string', 'text'] or type.startswith('varchar') or type.startswith('charactervarying') -%}{{ return('varchar') }}
  {%- elif type in ['int', 'int32', 'integer'] -%}{{ return('integer') }}
  {%- elif type in ['long', 'int64', 'bigint'] -%}{{ return('bigint') }}
  {%- elif type in ['float', 'real', 'double', 'float64'] -%}{{ return('double') }}
  {%- elif type in ['bool', 'boolean'] -%}{{ return('boolean') }}
  {%- elif type.startswith('timestamp') -%}{{ return('timestamp') }}
  {%- elif type.startswith('numeric(') -%}{{ return('decimal' ~ type[7:]) }}
  {%- else -%}{{ return(type) }}
  {%- endif -%}
{% endmacro %}

{# The first half of an md5 as an unsigned number, least significant byte first. #}
{% macro md5_number(text) %}{{ return(adapter.dispatch('md5_number')(text)) }}{% endmacro %}

{% macro duckdb__md5_number(text) %}{{ return('cast(md5_number_upper(' ~ text ~ ') as hugeint)') }}{% endmacro %}

{% macro spark__md5_number(text) %}
  {%- set bytes = [] -%}
  {%- for i in range(7, -1, -1) -%}{%- do bytes.append('substr(md5(' ~ text ~ '), ' ~ (2 * i + 1) ~ ', 2)') -%}{%- endfor -%}
  {{ return('cast(conv(concat(' ~ bytes | join(', ') ~ '), 16, 10) as decimal(20, 0))') }}
{% endmacro %}

{# Texts of a group joined in a given order. #}
{% macro ordered_concat(text, order) %}{{ return(adapter.dispatch('ordered_concat')(text, order)) }}{% endmacro %}

{% macro duckdb__ordered_concat(text, order) %}{{ return("string_agg(" ~ text ~ ", ';' order by " ~ order ~ ")") }}{% endmacro %}

{% macro spark__ordered_concat(text, order) %}{{ return("array_join(transform(array_sort(collect_list(struct(cast(" ~ order ~ " as string) as o, " ~ text ~ " as t))), x -> x.t), ';')") }}{% endmacro %}
