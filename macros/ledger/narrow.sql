{# The model's SQL asked for some periods only: its markers become conditions, its own name the table being written. #}
{% macro narrow(sql, periods, unit, target) %}
  {%- set ns = namespace(sql=sql | replace(this | string, target | string)) -%}
  {%- for marker in modules.re.findall('/\\*stale:(.*?)\\*/', sql) | unique -%}
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
      {%- do runs.append([runs.pop()[0], beyond]) -%}
    {%- else -%}
      {%- do runs.append([first, beyond]) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- set ranges = [] -%}
  {%- for run in runs -%}
    {%- do ranges.append('(' ~ column ~ " >= date '" ~ run[0] ~ "' and " ~ column ~ " < date '" ~ run[1] ~ "')") -%}
  {%- endfor -%}
  {#- Not '(false)': after a table's name Spark takes `where (false)` for an alias with a column list. -#}
  {{- return('(' ~ ranges | join(' or ') ~ ')' if ranges else 'false') -}}
{% endmacro %}

{# An ISO date moved by whole periods, as an ISO date (from the first day of the calendar to the one after its last). #}
{% macro shift_period(day, n, unit) %}
  {%- set date = modules.datetime.date -%}
  {%- if unit == 'day' -%}
    {%- set number = date(day[:4] | int, day[5:7] | int, day[8:] | int).toordinal() + n -%}
    {{- return(date.fromordinal([number, 1] | max).isoformat() if number <= 3652059 else '10000-01-01') -}}
  {%- endif -%}
  {%- set months = [day[:4] | int * 12 + day[5:7] | int - 1 + n, 12] | max -%}
  {{- return('%04d-%02d-01' % (months // 12, months % 12 + 1)) -}}
{% endmacro %}

{#
  The landed tables that may be narrowed to the dumps holding rows of some periods, each with the condition on the days
  of its dumps. A table that the model also reads whole, by another way, is not narrowed.
#}
{% macro narrowed_sources(inputs, periods, unit) %}
  {%- set narrowed = {} -%}
  {%- for input in inputs if input.kind == 'landed' -%}
    {%- if input.read == 'latest' -%}
      {%- set wanted = 'day = (select max(day) from ops.landed_versions where ' ~ of_landed(input.node) ~ ')' -%}
    {%- elif input.read == 'previous' -%}
      {%- set stale = in_periods('day', periods, unit) -%}
      {%- set wanted = '(' ~ stale ~ ' or day in (select previous_day from (select day, lag(day) over (order by day) as previous_day from ops.landed_versions where ' ~ of_landed(input.node) ~ ') as available where ' ~ stale ~ '))' -%}
    {%- elif input.read == 'whole' -%}
      {%- set wanted = 'true' -%}
    {%- else -%}
      {%- set wanted = in_periods('day', periods, unit, input.read if input.read is number else 1) -%}
    {%- endif -%}
    {%- set known = narrowed.setdefault(input.node.identifier, {'node': input.node, 'wanted': []}) -%}
    {%- do known.wanted.append(wanted) -%}
  {%- endfor -%}
  {%- set found = [] -%}
  {%- for source in narrowed.values() if 'true' not in source.wanted -%}{%- do found.append(source) -%}{%- endfor -%}
  {{- return(found) -}}
{% endmacro %}
