{# dbt's own seed, loaded only when its file or configuration changed; ops.definitions says which version the table holds. #}
{% materialization seed, adapter='duckdb' %}{{ return(recorded_seed()) }}{% endmaterialization %}

{% materialization seed, adapter='spark' %}{{ return(recorded_seed()) }}{% endmaterialization %}

{% macro recorded_seed() %}
  {%- set table = this.incorporate(type='table') -%}
  {%- if model.checksum.name != 'sha256' -%}
    {%- do refuse(model, 'dbt notices changes only in seeds of up to 1 MiB; land a larger table as a backend') -%}
  {%- endif -%}
  {%- set version = local_md5(model.checksum.checksum ~ tojson([config.get('column_types'), config.get('quote_columns'), config.get('delimiter')])) -%}
  {%- set loaded = adapter.get_relation(table.database, table.schema, table.identifier) is not none
    and run_query("select count(*) from " ~ definitions() ~ " as definitions where relation = '" ~ table.identifier ~ "' and version = '" ~ version ~ "'").columns[0][0] > 0 -%}
  {%- if planning() or (loaded and not should_full_refresh()) -%}
    {%- if not loaded -%}{%- do in_one_transaction([record_definition(table.identifier, version)]) -%}{%- endif -%}
    {%- do store_result('agate_table', response='OK', agate_table=load_agate_table()) -%}
    {%- do no_operation() -%}
    {{ return({'relations': [] if planning() else [table]}) }}
  {%- endif -%}
  {#- Until it is loaded the table is of no version: a file that is set back after a kill is loaded again. It is made anew
      each time, because its columns may be others. -#}
  {%- do in_one_transaction([record_definition(table.identifier, 'loading')]) -%}
  {%- do adapter.drop_relation(table) -%}
  {%- set result = materialization_seed_default() -%}
  {%- do in_one_transaction(record_slices(table, columns_of(table)) + [record_definition(table.identifier, version)]) -%}
  {{ return(result) }}
{% endmacro %}
