{# The first day of the period (day or month) that holds a date. #}
{% macro period(day, unit) %}
  {%- if unit == 'day' -%}{{ return('cast(' ~ day ~ ' as date)') }}
  {%- else -%}{{ return("cast(date_trunc('" ~ unit ~ "', " ~ day ~ ") as date)") }}{%- endif -%}
{% endmacro %}

{# A date moved by whole periods. #}
{% macro add_periods(day, n, unit) %}
  {%- if n == 0 -%}{{ return('cast(' ~ day ~ ' as date)') }}{%- endif -%}
  {{ return('cast(' ~ day ~ ' + interval ' ~ ("'" ~ n ~ "' " ~ unit) ~ ' as date)') }}
{% endmacro %}

{# The day of the week of a date, 1 (Monday) to 7 (Sunday). #}
{% macro iso_weekday(day) %}{{ return(adapter.dispatch('iso_weekday')(day)) }}{% endmacro %}

{% macro duckdb__iso_weekday(day) %}{{ return('cast(isodow(' ~ day ~ ') as integer)') }}{% endmacro %}

{% macro spark__iso_weekday(day) %}{{ return('cast(weekday(' ~ day ~ ') + 1 as integer)') }}{% endmacro %}
