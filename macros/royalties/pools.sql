{# The columns that name a pool. #}
{% macro pool_key() %}{{ return(['royalty_month', 'territory', 'plan_code', 'currency', 'licensor_id']) }}{% endmacro %}

{# The condition of a join on columns of the same names. #}
{% macro same(one, other, columns) -%}
  {%- for column in columns %}{{ 'and ' if not loop.first }}{{ one }}.{{ column }} = {{ other }}.{{ column }} {% endfor -%}
{%- endmacro %}

{# Streams, or what they are worth, that count under a contract: with those of trial listeners or without. #}
{% macro counted(terms, heard, column) -%}
  case when {{ terms }}.trial_streams_count then {{ heard }}.{{ column }} else {{ heard }}.paid_{{ column }} end
{%- endmacro %}

{# The sum of a whole number over the rows of a group that meet a condition. #}
{% macro sum_where(condition, number) %}cast(sum(case when {{ condition }} then {{ number }} else 0 end) as bigint){% endmacro %}
