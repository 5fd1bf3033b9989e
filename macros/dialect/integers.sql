{# The whole part of a quotient of integers, towards zero: money is never divided as a fraction. #}
{% macro whole_quotient(dividend, divisor) %}{{ return(adapter.dispatch('whole_quotient')(dividend, divisor)) }}{% endmacro %}

{% macro default__whole_quotient(dividend, divisor) %}{{ return('((' ~ dividend ~ ') // (' ~ divisor ~ '))') }}{% endmacro %}

{% macro spark__whole_quotient(dividend, divisor) %}{{ return('((' ~ dividend ~ ') div (' ~ divisor ~ '))') }}{% endmacro %}

{# A quotient of whole numbers (the divisor above 0) rounded to a whole number, half away from zero. #}
{% macro rounded_quotient(dividend, divisor) -%}
  {{ whole_quotient('2 * (' ~ dividend ~ ') + case when (' ~ dividend ~ ') < 0 then -(' ~ divisor ~ ') else (' ~ divisor ~ ') end', '2 * (' ~ divisor ~ ')') }}
{%- endmacro %}
