{# Asks a model for all its days, unless by_day narrows it to the stale ones; with lookback, also the periods before each. #}
{% macro stale_days(column, lookback=1) %}/*stale:{{ column }}:{{ lookback }}*/true/*end*/{% endmacro %}

{#
  One row per period of a by_day model: `inputs`, a text that names the version of everything it would be made of now,
  and the number of rows that come in. Periods come from inputs read by day (a lookback extends them to the horizon).
#}
{% macro current_inputs(inputs, unit, relation) %}
  {%- set by_day = [] -%}{%- set whole = [] -%}{%- set sliced = [] -%}{%- set itself = [] -%}
  {%- set longest = namespace(lookback=1) -%}
  {%- for input in inputs -%}
    {%- if input.kind == 'self' -%}{%- do itself.append(input) -%}
    {%- elif input.read == 'sliced' -%}{%- do sliced.append(input) -%}
    {%- elif input.read in ['whole', 'latest'] -%}{%- do whole.append(input) -%}
    {%- elif input.kind == 'recorded' and not input.by_day -%}
      {%- do exceptions.raise_compiler_error(relation ~ ": " ~ input.name ~ " has no days; read it 'whole' or 'sliced'") -%}
    {%- else -%}
      {%- do by_day.append(input) -%}
      {%- if input.read is number and input.read > longest.lookback -%}{%- set longest.lookback = input.read -%}{%- endif -%}
    {%- endif -%}
  {%- endfor -%}
  {%- if not by_day -%}
    {%- do exceptions.raise_compiler_error(relation ~ ": no input is read by day; say which in config(reads={…}) or make it materialized='whole'") -%}
  {%- endif -%}
  with days_in as (
    {%- for input in by_day %}
    {{ 'union all' if not loop.first }}
    select '{{ input.name }}' as input, {{ period('day', unit) }} as day, cast(day as varchar) as part, version, row_count, {{ input.read if input.read is number else 1 }} as lookback
    from ({{ input_days_sql(input) }}) as days_of_input
    {%- endfor %}
  ),
  horizon as (
    select {{ period('least(max(days_in.day), max(horizon.on_date))', unit) }} as last_day, {{ period('min(days_in.day)', unit) }} as first_day
    from days_in cross join ops.horizon as horizon
  ),
  spread as (
    {%- for offset in range(longest.lookback) %}
    {{ 'union all' if not loop.first }}
    select input, {{ add_periods('day', offset, unit) }} as day, part, version, {{ 'row_count' if offset == 0 else '0' }} as row_count from days_in
    {{- ' where lookback > ' ~ offset if offset > 0 }}
    {%- endfor %}
  ),
  per_input as (
    select input, day, md5({{ ordered_concat("concat(part, ':', version)", "part") }}) as version, sum(row_count) as row_count
    from spread
    where day <= (select last_day from horizon)
    group by input, day
  ),
  days as (select day, sum(row_count) as row_count from per_input group by day),
  all_inputs as (
    select day, input, version from per_input
    {%- for input in sliced %}
    union all
    select days.day, '{{ input.name }}', md5(coalesce({{ ordered_concat("slices.version", "slices.from_day") }}, ''))
    from days
    left join {{ newest_slices(input.name) }} as slices
      on slices.from_day < {{ add_periods('days.day', 1, unit) }} and slices.to_day > days.day
    group by days.day
    {%- endfor %}
    {%- for input in whole %}
    union all
    select days.day, whole_input.input, whole_input.version from days cross join ({{ whole_version_sql(input) }}) as whole_input
    {%- endfor %}
    {%- for input in itself %}
    union all
    select days.day, 'self', coalesce(own.output_hash, 'none')
    from days
    left join (select * from {{ recorded_days() }} as recorded where relation = '{{ relation }}' and output_hash <> 'gone') as own
      on own.day = {{ add_periods('days.day', -1, unit) }}
    {%- endfor %}
  )
  select days.day, max(days.row_count) as row_count, {{ ordered_concat("concat(all_inputs.input, '=', substr(coalesce(all_inputs.version, 'none'), 1, 12))", "all_inputs.input") }} as inputs
  from days
  join all_inputs on all_inputs.day = days.day
  group by days.day
{% endmacro %}

{# day, version, row_count of an input that is read by day. #}
{% macro input_days_sql(input) %}
  {%- if input.kind == 'landed' -%}
    {%- set where = "backend = '" ~ input.node.source_name ~ "' and table_name = '" ~ input.node.name ~ "'" -%}
    {%- if input.read == 'previous' -%}
      select day, concat(version, coalesce(lag(version) over (order by day), '')) as version, row_count from ops.landed_versions where {{ where }}
    {%- else -%}
      select day, version, row_count from ops.landed_versions where {{ where }}
    {%- endif -%}
  {%- else -%}
    select day, output_hash as version, row_count from {{ recorded_days() }} as recorded
    where relation = '{{ input.name }}' and day is not null and output_hash <> 'gone'
  {%- endif -%}
{% endmacro %}

{% macro newest_slices(name) %}
  {%- if planning() -%}
    {%- set changed = run_query("select count(*) from ops.plan where relation = '" ~ name ~ "'").columns[0][0] -%}
    {%- if changed > 0 -%}
      {{ return("(select date '0001-01-01' as from_day, date '9999-12-31' as to_day, 'planned' as version)") }}
    {%- endif -%}
  {%- endif -%}
  {{ return("(select from_day, to_day, version from ops.slices where relation = '" ~ name ~ "' and sequence = (select max(sequence) from ops.slices where relation = '" ~ name ~ "'))") }}
{% endmacro %}

{# The periods whose inputs are not those the ledger has for this relation, in order, with the reason. #}
{% macro stale_sql(inputs, unit, relation) %}
  {%- set limited = var('days', 0) | int > 0 -%}
  with now as ({{ current_inputs(inputs, unit, relation) }}),
  was as (
    select day, inputs, row_count from ops.fresh
    where relation = '{{ relation }}' and day is not null and output_hash <> 'gone'
  ),
  compared as (
    select
      coalesce(now.day, was.day) as day,
      coalesce(now.row_count, was.row_count, 0) as row_count,
      now.inputs as inputs_now,
      was.inputs as inputs_were,
      case when was.day is null then 'new' when now.day is null then 'gone' else 'changed' end as kind
    from now
    full outer join was on now.day = was.day
    where now.inputs is distinct from was.inputs
  )
  select cast(day as varchar) as day, cast(row_count as bigint) as row_count, kind, inputs_now, inputs_were
  from compared
  {%- if limited %}
  where day > {{ add_periods('(select ' ~ period('max(on_date)', unit) ~ ' from ops.horizon)', -1 * (var('days') | int), unit) }}
  {%- endif %}
  order by 1
{% endmacro %}

{# Which inputs differ, in words. #}
{% macro stale_reason(row) %}
  {%- if row['kind'] == 'new' -%}{{ return('new day') }}{%- endif -%}
  {%- if row['kind'] == 'gone' -%}{{ return('nothing of it is left') }}{%- endif -%}
  {%- set before = (row['inputs_were'] or '').split(';') -%}
  {%- set names = [] -%}
  {%- for input in (row['inputs_now'] or '').split(';') if input not in before -%}
    {%- do names.append(input.split('=')[0]) -%}
  {%- endfor -%}
  {{ return('changed: ' ~ (names | unique | join(', ') or 'an input is no longer read')) }}
{% endmacro %}
