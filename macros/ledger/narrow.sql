{# The model's SQL asked for some periods only: its markers become conditions, its own name the table being written. #}
{% macro narrow(sql, periods, unit, target) %}
  {%- set re = modules.re -%}
  {%- set ns = namespace(sql=sql) -%}
  {%- if target.identifier != this.identifier -%}
    {%- set ns.sql = ns.sql | replace(this | string, target | string) -%}
  {%- endif -%}
  {%- for marker in re.findall('/\\*stale:(.*?)\\*/', sql) | unique -%}
    {%- set column, lookback = marker.split(':') -%}
    {%- set ns.sql = ns.sql | replace('/*stale:' ~ marker ~ '*/true/*end*/', in_periods(column, periods, unit, lookback | int)) -%}
  {%- endfor -%}
  {{- return(ns.sql) -}}
{% endmacro %}

{#
  A condition on a date column: it lies in one of these periods (or, with lookback, in the periods before them).
  Runs of neighbouring periods become ranges: a single range prunes row groups on both engines.
#}
{% macro in_periods(column, periods, unit, lookback=1) %}
  {%- set runs = [] -%}
  {%- for period in periods -%}
    {%- set first = shift_period(period, 1 - lookback, unit) -%}
    {%- set beyond = shift_period(period, 1, unit) -%}
    {%- if runs and first <= runs[-1][1] -%}
      {%- set last = runs.pop() -%}
      {%- do runs.append([last[0], beyond]) -%}
    {%- else -%}
      {%- do runs.append([first, beyond]) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- set ranges = [] -%}
  {%- for run in runs -%}
    {%- do ranges.append('(' ~ column ~ " >= date '" ~ run[0] ~ "' and " ~ column ~ " < date '" ~ run[1] ~ "')") -%}
  {%- endfor -%}
  {{- return('(' ~ ranges | join(' or ') ~ ')') -}}
{% endmacro %}

{# An ISO date moved by whole periods, as an ISO date. #}
{% macro shift_period(day, n, unit) %}
  {%- if unit == 'day' -%}
    {{- return((modules.datetime.datetime.strptime(day, '%Y-%m-%d') + modules.datetime.timedelta(days=n)).strftime('%Y-%m-%d')) -}}
  {%- endif -%}
  {%- set months = day[:4] | int * 12 + day[5:7] | int - 1 + n -%}
  {{- return('%04d-%02d-01' % (months // 12, months % 12 + 1)) -}}
{% endmacro %}

{# Points each landed source of the model at the files that hold rows of these periods (DuckDB: a session variable). #}
{% macro narrow_sources(inputs, periods, unit) %}
  {%- set statements = [] -%}
  {%- for input in inputs if input.kind == 'landed' and input.read not in ['whole', 'sliced'] -%}
    {%- set where = "backend = '" ~ input.node.source_name ~ "' and table_name = '" ~ input.node.name ~ "'" -%}
    {%- if input.read == 'latest' -%}
      {%- set wanted = "day = (select max(day) from ops.landed_versions where " ~ where ~ ")" -%}
    {%- elif input.read == 'previous' -%}
      {%- set stale = in_periods('day', periods, unit) -%}
      {%- set wanted = "(" ~ stale ~ " or day in (select previous_day from (select day, lag(day) over (order by day) as previous_day from ops.landed_versions where " ~ where ~ ") where " ~ stale ~ "))" -%}
    {%- else -%}
      {%- set wanted = in_periods('day', periods, unit, input.read if input.read is number else 1) -%}
    {%- endif -%}
    {%- do statements.append(
      "set variable landed__" ~ input.node.identifier ~ " = (select list_prepend('" ~ empty_parquet() ~ "', coalesce(list(distinct path order by path), [])) from ops.landed_files
        where (backend, table_name, dump_id, arrived_on) in (
          select (backend, table_name, dump_id, arrived_on) from ops.landed_days
          where " ~ where ~ " and " ~ wanted ~ "
          and (dump_id, arrived_on) in (select (dump_id, arrived_on) from ops.visible_dumps where " ~ where ~ ")))") -%}
  {%- endfor -%}
  {{- return(statements) -}}
{% endmacro %}

{% macro reset_sources(inputs) %}
  {%- set statements = [] -%}
  {%- for input in inputs if input.kind == 'landed' and input.read not in ['whole', 'sliced'] -%}
    {%- do statements.append("reset variable landed__" ~ input.node.identifier) -%}
  {%- endfor -%}
  {{- return(statements) -}}
{% endmacro %}
