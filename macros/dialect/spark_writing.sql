{# Spark's half of writing.sql: Parquet tables partitioned by day, statements one by one, the ledger's row last. #}

{% macro spark__in_one_transaction(statements) %}
  {%- for statement in statements -%}{%- do run_query(statement) -%}{%- endfor -%}
{% endmacro %}

{% macro spark__create_empty(target, sql, day) %}
  {%- set columns = [] -%}
  {%- for column in model.columns.values() if config.get('contract').enforced -%}
    {%- do columns.append(adapter.quote(column.name) ~ ' ' ~ spark_type(column.data_type)) -%}
  {%- endfor -%}
  {{- return(['create table ' ~ target ~ (' (' ~ columns | join(', ') ~ ')' if columns) ~ ' using parquet'
    ~ (' partitioned by (' ~ adapter.quote(day) ~ ')' if day) ~ (' as select * from (' ~ sql ~ ') as model_rows where false' if not columns)]) -}}
{% endmacro %}

{% macro spark__insert_rows(target, sql, columns) %}
  {%- set names = [] -%}
  {%- for column in columns -%}{%- do names.append(adapter.quote(column.name)) -%}{%- endfor -%}
  {{- return('insert into ' ~ target ~ ' (' ~ names | join(', ') ~ ') select ' ~ names | join(', ') ~ ' from (' ~ sql ~ ') as model_rows') -}}
{% endmacro %}

{# Partitions of days that come out empty must go as well, which a dynamic overwrite would leave. #}
{% macro spark__replace_periods(target, rows, columns, day, periods) %}
  {%- set partitions = [] -%}
  {%- for period in periods -%}{%- do partitions.append('partition (' ~ adapter.quote(day) ~ " = date '" ~ period ~ "')") -%}{%- endfor -%}
  {{- return(['alter table ' ~ target ~ ' drop if exists ' ~ partitions | join(', '), insert_rows(target, rows, columns)]) -}}
{% endmacro %}

{% macro spark__take_place_of(live, next) %}
  {{- return(['drop table if exists ' ~ live, 'alter table ' ~ next ~ ' rename to ' ~ live]) -}}
{% endmacro %}

{# dbt-spark lists partition columns twice. #}
{% macro spark__columns_of(relation) %}
  {%- set columns = {} -%}
  {%- for column in adapter.get_columns_in_relation(relation) if not column.name.startswith('#') -%}
    {%- do columns.update({column.name: column}) -%}
  {%- endfor -%}
  {{- return(columns.values() | list) -}}
{% endmacro %}

{# Types are those of the contract, by a cast when the rows are inserted; here the names. #}
{% macro spark__check_contract(sql) %}
  {%- set found = adapter.get_column_schema_from_query(sql) | map(attribute='name') | map('lower') | sort | list -%}
  {%- set promised = model.columns.keys() | map('lower') | sort | list -%}
  {%- if found != promised -%}
    {%- do refuse(model, 'its contract promises ' ~ promised | join(', ') ~ '; its query has ' ~ found | join(', ')) -%}
  {%- endif -%}
{% endmacro %}

{% macro spark__row_hash(columns) %}
  {%- set values = ['0'] -%}
  {%- for column in columns -%}
    {%- set name = adapter.quote(column.name) -%}
    {%- do values.append("format_string('%.9e', " ~ name ~ " + 0.0D)" if column.dtype | lower in ['double', 'float'] else name) -%}
  {%- endfor -%}
  {{ return('cast(xxhash64(' ~ values | join(', ') ~ ') as decimal(20, 0))') }}
{% endmacro %}

{% macro spark__ordered_concat(text, order) %}
  {{ return("array_join(transform(array_sort(collect_list(struct(cast(" ~ order ~ " as string) as place, " ~ text ~ " as text))), part -> part.text), ';')") }}
{% endmacro %}
