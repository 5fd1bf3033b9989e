{#
  At the end of a build: the content hash of every mart that was written, day by day, for what the ledger says is new.
  A day whose rows came out as before keeps its line, so a night's hashing costs what the night brought.
#}
{% macro record_contents(results) %}
  {%- if execute and not planning() and flags.WHICH == 'build' -%}
    {%- set built = [] -%}
    {%- for result in results if result.status | string == 'success' and result.node.resource_type == 'model' and result.node.fqn[1] == 'marts' -%}
      {%- do built.append(result.node) -%}
    {%- endfor -%}
    {%- set missing = {} -%}
    {%- for row in run_query("
      select fresh.relation, cast(fresh.day as " ~ dbt.type_string() ~ ") as day
      from ops.fresh as fresh
      left join ops.contents as contents
        on contents.relation = fresh.relation and contents.output_hash = fresh.output_hash
        and coalesce(contents.day, date '0001-01-01') = coalesce(fresh.day, date '0001-01-01')
      where contents.relation is null and fresh.output_hash not in ('gone', 'empty', 'created', 'started')
      order by fresh.relation, fresh.day") -%}
      {%- do missing.setdefault(row[0], []).append(row[1]) -%}
    {%- endfor -%}
    {%- set written = [] -%}
    {%- for node in built if node.alias in missing -%}
      {%- set relation = adapter.get_relation(node.database, node.schema, node.alias) -%}
      {%- if relation -%}{%- do written.append(contents_of(relation, node.config.get('day') if node.config.materialized == 'by_day', missing[node.alias])) -%}{%- endif -%}
    {%- endfor -%}
    {%- if written -%}{%- do in_one_transaction(["insert into ops.contents" ~ (written | join(" union all "))]) -%}{%- endif -%}
  {%- endif -%}
{% endmacro %}

{# The lines of ops.contents for a mart's days (or, without days, for all of it). #}
{% macro contents_of(relation, day, days) %}
  {%- set key = "cast(" ~ adapter.quote(day) ~ " as date)" if day else "cast(null as date)" -%}
  {{- return("
    select '" ~ relation.identifier ~ "', summed.day, fresh.output_hash, summed.shape, summed.first_sum, summed.second_sum, summed.row_count
    from (
      select " ~ key ~ " as day, " ~ content_sums(columns_of(relation)) ~ " from " ~ relation
      ~ (" where " ~ in_periods(adapter.quote(day), days, 'day') ~ " group by " ~ key if day else "") ~ "
    ) as summed
    inner join ops.fresh as fresh
      on fresh.relation = '" ~ relation.identifier ~ "'
      and coalesce(fresh.day, date '0001-01-01') = coalesce(summed.day, date '0001-01-01')
      and fresh.output_hash not in ('gone', 'empty', 'created', 'started')") -}}
{% endmacro %}
