{#
  What the rules of a table's YAML make of its dumps, counted once a dump (a dump never changes): rows and control
  totals of what is kept and of what breaks which rule, in ops.sifted. And ops.quarantined: what is kept out of the
  models now, at the door (by the manifests) and in staging (by the rules).
#}
{% macro sift_dumps() %}
  {%- set tables = [] -%}
  {%- for node in graph.sources.values() if node.config.meta.get('rules') -%}
    {%- do tables.append({'node': node, 'totals': node.config.meta.get('control_totals', []), 'version': rules_version(node)}) -%}
  {%- endfor -%}
  {%- if not planning() -%}
    {%- set uncounted = dumps_not_in('ops.sifted', tables) -%}
    {%- for table in tables if table.node.identifier in uncounted -%}
      {%- set relation = api.Relation.create(database=table.node.database, schema=table.node.schema, identifier=table.node.identifier) -%}
      {%- set outcome = "coalesce(" ~ broken_rule(table.node.source_name, table.node.name) ~ ", 'kept')" -%}
      {%- do count_dumps('ops.sifted', table, relation, outcome) -%}
    {%- endfor -%}
  {%- endif -%}
  {%- do run_query(quarantined_sql(tables)) -%}
{% endmacro %}

{#
  Post-hook of a staging view: what comes out of it, dump by dump, for the dumps it has not been asked about since its
  SQL changed. Reconciled with what landed by the tests of the view.
#}
{% macro count_staged() %}
  {%- if execute -%}
    {%- set node = graph.sources[model.depends_on.nodes[0]] -%}
    {%- set key = node.config.meta.get('key', []) if node.config.meta.get('kind') == 'snapshot' else [] -%}
    {%- set table = {'node': node, 'totals': node.config.meta.get('control_totals', []), 'key': key, 'version': definition_of(model, model.compiled_code) ~ ':' ~ counting_version(node)} -%}
    {%- if dumps_not_in('ops.staged', [table]) -%}
      {%- do count_dumps('ops.staged', table, this, "'staged'") -%}
    {%- endif -%}
  {%- endif -%}
{% endmacro %}

{# What the counts of a table depend on: its rules and what is summed; for a view, its SQL (as ops.definitions has it) and what is summed. #}
{% macro rules_version(node) %}{{ return(local_md5(tojson([node.config.meta.get('rules', {}), counting_version(node)], sort_keys=true))) }}{% endmacro %}

{% macro counting_version(node) %}{{ return(local_md5(tojson([node.config.meta.get('control_totals', []), node.config.meta.get('key', [])]))) }}{% endmacro %}

{# The version under which a staging view, as it is now, was counted. #}
{% macro staged_version(node) %}
  {{- return("(select concat(version, ':" ~ counting_version(node) ~ "') from ops.definitions where relation = 'stg_" ~ node.source_name ~ "__" ~ node.name ~ "' order by sequence desc limit 1)") -}}
{% endmacro %}

{# For a generic test of a staging view: the landed table it reads. #}
{% macro attached_source() %}
  {%- set view = graph.nodes.get(model.attached_node) if execute -%}
  {{- return(graph.sources[view.depends_on.nodes[0]] if view else {'source_name': '', 'name': '', 'config': {'meta': {}}}) -}}
{% endmacro %}

{# A condition that leaves out the dumps that the table's YAML accepts as they are. #}
{% macro not_accepted(meta) %}
  {{- return(" and dump_id not in ('" ~ meta.accepted | join("', '") ~ "')" if meta.get('accepted') else '') -}}
{% endmacro %}

{# How many of a day's rows may be in quarantine. #}
{% macro allowed_in_quarantine(meta) %}
  {%- set share = 'cast(floor(' ~ meta.get('quarantine_above', 0.01) ~ ' * rows_arrived) as decimal(38, 8))' -%}
  {{- return(share if meta.get('kind') == 'snapshot' else 'greatest(' ~ share ~ ', ' ~ meta.get('quarantine_few', 5) ~ ')') -}}
{% endmacro %}

{# Which of these tables have visible dumps that `counts` knows nothing of under the table's version. #}
{% macro dumps_not_in(counts, tables) %}
  {%- if not tables -%}{{- return([]) -}}{%- endif -%}
  {%- set wanted = [] -%}
  {%- for table in tables -%}
    {%- do wanted.append("select '" ~ table.node.source_name ~ "' as backend, '" ~ table.node.name ~ "' as table_name, '" ~ table.version ~ "' as version, '" ~ table.node.identifier ~ "' as identifier") -%}
  {%- endfor -%}
  {%- set found = run_query("select distinct wanted.identifier from (" ~ wanted | join(' union all ') ~ ") as wanted
    inner join ops.visible_dumps as dumps on dumps.backend = wanted.backend and dumps.table_name = wanted.table_name
    left join " ~ counts ~ " as counts on counts.backend = dumps.backend and counts.table_name = dumps.table_name
      and counts.dump_id = dumps.dump_id and counts.arrived_on = dumps.arrived_on and counts.version = wanted.version
    where counts.dump_id is null") -%}
  {{- return(found.columns[0].values() | list) -}}
{% endmacro %}

{# Appends to `counts` the rows and control totals of `relation`, by outcome, of each dump it does not know yet. #}
{% macro count_dumps(counts, table, relation, outcome) %}
  {%- set where = "backend = '" ~ table.node.source_name ~ "' and table_name = '" ~ table.node.name ~ "'" -%}
  {%- set uncounted = "select dump_id, arrived_on from ops.visible_dumps where " ~ where ~ "
    except select dump_id, arrived_on from " ~ counts ~ " where " ~ where ~ " and version = '" ~ table.version ~ "'" -%}
  {%- set sums = [] -%}{%- set measures = ["select dump_id, arrived_on, outcome, 'rows' as measure, cast(row_count as decimal(38, 8)) as amount from counted"] -%}
  {%- for column in table.totals -%}
    {%- do sums.append(', sum(' ~ column ~ ') as total_' ~ column) -%}
    {%- do measures.append("select dump_id, arrived_on, outcome, '" ~ column ~ "', coalesce(cast(total_" ~ column ~ " as decimal(38, 8)), 0) from counted") -%}
  {%- endfor -%}
  {%- if table.key -%}
    {%- set texts = [] -%}
    {%- for column in table.key -%}{%- do texts.append('cast(' ~ column ~ ' as ' ~ api.Column.translate_type('string') ~ ')') -%}{%- endfor -%}
    {%- do sums.append(', count(distinct concat_ws(chr(31), ' ~ texts | join(', ') ~ ')) as distinct_keys') -%}
    {%- do measures.append("select dump_id, arrived_on, outcome, 'distinct keys', cast(distinct_keys as decimal(38, 8)) from counted") -%}
  {%- endif -%}
  {%- do in_one_transaction(
    narrow_to_dumps(table.node, uncounted)
    + ["insert into " ~ counts ~ "
      with uncounted as (" ~ uncounted ~ "),
      counted as (
        select _dump_id as dump_id, _arrived_on as arrived_on, " ~ outcome ~ " as outcome, count(*) as row_count" ~ sums | join('') ~ "
        from " ~ relation ~ "
        where _dump_id in (select dump_id from uncounted)
        group by _dump_id, _arrived_on, " ~ outcome ~ "
      ),
      measured as (" ~ measures | join(' union all ') ~ ")
      select '" ~ table.version ~ "', '" ~ table.node.source_name ~ "', '" ~ table.node.name ~ "', uncounted.dump_id, uncounted.arrived_on,
        coalesce(measured.outcome, 'nothing'), coalesce(measured.measure, 'rows'), coalesce(measured.amount, 0)
      from uncounted
      left join measured on measured.dump_id = uncounted.dump_id and measured.arrived_on = uncounted.arrived_on"]
    + widen_to_all_dumps(table.node)) -%}
{% endmacro %}

{# One row per dump, layer and reason. #}
{% macro quarantined_sql(tables) %}
  {%- set versions = ["select 'backend' as backend, 'table' as table_name, 'none' as version"] -%}
  {%- for table in tables -%}
    {%- do versions.append("select '" ~ table.node.source_name ~ "', '" ~ table.node.name ~ "', '" ~ table.version ~ "'") -%}
  {%- endfor -%}
  create or replace view ops.quarantined as
  with kept_out as (
    select backend, table_name, dump_id, arrived_on, 'door' as layer, reason, row_count
    from ops.landed_refusals
    union all
    select sifted.backend, sifted.table_name, sifted.dump_id, sifted.arrived_on, 'staging', sifted.outcome, cast(sifted.amount as bigint)
    from ops.sifted as sifted
    inner join ({{ versions | join(' union all ') }}) as versions
      on sifted.backend = versions.backend and sifted.table_name = versions.table_name and sifted.version = versions.version
    where sifted.measure = 'rows' and sifted.outcome not in ('kept', 'nothing')
  )
  select kept_out.*
  from kept_out
  inner join ops.visible_dumps as dumps
    on kept_out.backend = dumps.backend and kept_out.table_name = dumps.table_name
    and kept_out.dump_id = dumps.dump_id and kept_out.arrived_on = dumps.arrived_on
{% endmacro %}

{# Points the view of a landed table at the files of some of its dumps, and back (DuckDB: a session variable). #}
{% macro narrow_to_dumps(node, dumps) %}{{ return(adapter.dispatch('narrow_to_dumps')(node, dumps)) }}{% endmacro %}

{% macro default__narrow_to_dumps(node, dumps) %}{{ return([]) }}{% endmacro %}

{% macro duckdb__narrow_to_dumps(node, dumps) %}
  {{- return(["set variable landed__" ~ node.identifier ~ " = (
    select list_prepend('" ~ empty_parquet() ~ "', coalesce(list(path order by path), [])) from ops.landed_files
    where backend = '" ~ node.source_name ~ "' and table_name = '" ~ node.name ~ "' and (dump_id, arrived_on) in (" ~ dumps ~ "))"]) -}}
{% endmacro %}

{% macro widen_to_all_dumps(node) %}{{ return(adapter.dispatch('widen_to_all_dumps')(node)) }}{% endmacro %}

{% macro default__widen_to_all_dumps(node) %}{{ return([]) }}{% endmacro %}

{% macro duckdb__widen_to_all_dumps(node) %}{{ return(["reset variable landed__" ~ node.identifier]) }}{% endmacro %}
