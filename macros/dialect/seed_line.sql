{# The line of a seed's CSV file that a row stands in (null where the engine does not keep the order). #}
{% macro seed_line() %}{{ return(adapter.dispatch('seed_line')()) }}{% endmacro %}

{% macro default__seed_line() %}{{ return('rowid + 2') }}{% endmacro %}

{% macro spark__seed_line() %}{{ return('cast(null as bigint)') }}{% endmacro %}

{# Ends the query with a message when it is reached. #}
{% macro fail_with(text) %}{{ return(adapter.dispatch('fail_with')(text)) }}{% endmacro %}

{% macro default__fail_with(text) %}{{ return('error(' ~ text ~ ')') }}{% endmacro %}

{% macro spark__fail_with(text) %}{{ return('raise_error(' ~ text ~ ')') }}{% endmacro %}
