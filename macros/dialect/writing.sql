{# How each engine writes: the statements by which recorded tables are made, filled and put in place. #}

{# Statements that either all happen or none (Spark has no transactions: the ledger's row comes last, so what it says is there). #}
{% macro in_one_transaction(statements) %}{{ return(adapter.dispatch('in_one_transaction')(statements)) }}{% endmacro %}

{% macro duckdb__in_one_transaction(statements) %}
  {% call statement('in_one_transaction', auto_begin=True) %}{{ statements | join(';\n') }}{% endcall %}
  {%- do adapter.commit() -%}
{% endmacro %}

{# An empty table of the model's columns: of the contract's where it is enforced. #}
{% macro create_empty(target, sql, day=none) %}{{ return(adapter.dispatch('create_empty')(target, sql, day)) }}{% endmacro %}

{% macro duckdb__create_empty(target, sql, day) %}
  {%- if config.get('contract').enforced -%}
    {{- return(['create table ' ~ target ~ ' ' ~ get_table_columns_and_constraints()]) -}}
  {%- endif -%}
  {{- return(['create table ' ~ target ~ ' as select * from (' ~ sql ~ ') as model_rows limit 0']) -}}
{% endmacro %}

{# All rows of a query into a table, by the names of the columns. #}
{% macro insert_rows(target, sql, columns) %}{{ return(adapter.dispatch('insert_rows')(target, sql, columns)) }}{% endmacro %}

{% macro duckdb__insert_rows(target, sql, columns) %}{{ return('insert into ' ~ target ~ ' by name ' ~ sql) }}{% endmacro %}

{# The rows of some periods replaced by those of a query, which holds no others. #}
{% macro replace_periods(target, rows, columns, day, periods) %}{{ return(adapter.dispatch('replace_periods')(target, rows, columns, day, periods)) }}{% endmacro %}

{% macro duckdb__replace_periods(target, rows, columns, day, periods) %}
  {{- return(['delete from ' ~ target ~ ' where ' ~ in_periods(day, periods, 'day'), insert_rows(target, rows, columns)]) -}}
{% endmacro %}

{# Puts the next table in the place of the one readers have. #}
{% macro take_place_of(live, next) %}{{ return(adapter.dispatch('take_place_of')(live, next)) }}{% endmacro %}

{% macro duckdb__take_place_of(live, next) %}
  {{- return(['drop table if exists ' ~ live, 'alter table ' ~ next ~ ' rename to ' ~ adapter.quote(live.identifier)]) -}}
{% endmacro %}

{# The columns of a table, each once. #}
{% macro columns_of(relation) %}{{ return(adapter.dispatch('columns_of')(relation)) }}{% endmacro %}

{% macro duckdb__columns_of(relation) %}{{ return(adapter.get_columns_in_relation(relation)) }}{% endmacro %}

{# Refuses a query whose columns are not those of the enforced contract. #}
{% macro check_contract(sql) %}{{ return(adapter.dispatch('check_contract')(sql)) }}{% endmacro %}

{% macro duckdb__check_contract(sql) %}{%- do get_assert_columns_equivalent(sql) -%}{% endmacro %}
