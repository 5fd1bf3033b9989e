{# The whole part of a quotient of integers, towards zero: money is never divided as a fraction. #}
{% macro whole_quotient(dividend, divisor) %}{{ return(adapter.dispatch('whole_quotient')(dividend, divisor)) }}{% endmacro %}

{% macro default__whole_quotient(dividend, divisor) %}{{ return('((' ~ dividend ~ ') // (' ~ divisor ~ '))') }}{% endmacro %}

{% macro spark__whole_quotient(dividend, divisor) %}{{ return('((' ~ dividend ~ ') div (' ~ divisor ~ '))') }}{% endmacro %}
