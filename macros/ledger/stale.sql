{# Asks a model for all its days, unless by_day narrows it to the stale ones; with lookback, also the periods before each. #}
{% macro stale_days(column, lookback=1) %}/*stale:{{ column }}:{{ lookback }}*/true/*end*/{% endmacro %}

{#
  One row per period of a by_day model: `inputs`, a text that names the version of everything it would be made of now
  ('fct_plays=1f3a…;thresholds=9b20…'; its own previous period is added later, see stale_periods), and the number of
  rows that come in. Periods come from the inputs that are read by day.
#}
{% macro current_inputs(inputs, unit) %}
  {%- set as_text = dbt.type_string() -%}
  {%- set by_day = [] -%}{%- set whole = [] -%}{%- set sliced = [] -%}
  {%- for input in inputs if input.kind != 'self' -%}
    {%- do (sliced if input.read == 'sliced' else whole if input.read in ['whole', 'latest'] else by_day).append(input) -%}
  {%- endfor -%}
  {%- set longest = ([1] + by_day | map(attribute='read') | select('number') | list) | max -%}
  with days_in as (
    {%- for input in by_day %}
    {{ 'union all' if not loop.first }}
    select '{{ input.name }}' as input, {{ period('day', unit) }} as day, cast(day as {{ as_text }}) as part, version, row_count, {{ input.read if input.read is number else 1 }} as lookback
    from ({{ input_days_sql(input) }}) as days_of_input
    {%- endfor %}
  ),
  {#- A day that looks back is touched by the days before it, also where it has no rows of its own, up to the newest day known. #}
  horizon as (
    select {{ period('least(max(days_in.day), max(horizon.on_date))', unit) }} as last_day
    from days_in cross join ops.horizon as horizon
  ),
  spread as (
    {%- if longest == 1 %}
    select input, day, part, version, row_count from days_in
    {%- else %}
    {%- set moved = 'cast(days_in.day + steps.n * interval \'1\' ' ~ unit ~ ' as date)' %}
    select days_in.input, {{ moved }} as day, days_in.part, days_in.version, case when steps.n = 0 then days_in.row_count else 0 end as row_count
    from days_in
    inner join range(0, {{ longest }}) as steps(n) on steps.n < days_in.lookback
    where steps.n = 0 or {{ moved }} <= (select last_day from horizon)
    {%- endif %}
  ),
  per_input as (
    select input, day, md5({{ ordered_concat("concat(part, ':', version)", "concat(part, ':', version)") }}) as version, sum(row_count) as row_count
    from spread
    group by input, day
  ),
  days as (select day, sum(row_count) as row_count from per_input group by day),
  all_inputs as (
    select day, input, version from per_input
    {%- for input in sliced %}
    union all
    select days.day, '{{ input.name }}' as input, md5(coalesce({{ ordered_concat("slices.version", "slices.from_day") }}, '')) as version
    from days
    left join {{ newest_slices(input.name) }} as slices
      on slices.from_day < {{ add_periods('days.day', 1, unit) }} and slices.to_day > days.day
    group by days.day
    {%- endfor %}
    {%- for input in whole %}
    union all
    select days.day, whole_input.input, whole_input.version from days cross join ({{ whole_version_sql(input) }}) as whole_input
    {%- endfor %}
  )
  select days.day, max(days.row_count) as row_count, {{ ordered_concat(input_text(), input_text()) }} as inputs
  from days
  inner join all_inputs on all_inputs.day = days.day
  group by days.day
{% endmacro %}

{# One input in the ledger's text: its name and the first half of its version. #}
{% macro input_text() %}{{ return("concat(input, '=', substr(coalesce(version, 'none'), 1, 16))") }}{% endmacro %}

{# day, version, row_count of an input that is read by day. #}
{% macro input_days_sql(input) %}
  {%- set days -%}
    {%- if input.kind == 'landed' -%}
      select day, version, row_count from ops.landed_versions where {{ of_landed(input.node) }}
    {%- else -%}
      select day, output_hash as version, row_count from {{ recorded_days() }} as recorded
      where relation = '{{ input.name }}' and day is not null and output_hash <> 'gone'
    {%- endif -%}
  {%- endset -%}
  {%- if input.read == 'previous' -%}
    select day, concat(version, coalesce(lag(version) over (order by day), '')) as version, row_count from ({{ days }}) as available
  {%- else -%}
    {{ days }}
  {%- endif -%}
{% endmacro %}

{# The spans of days of a table with validity ranges, as last recorded; while planning a changed one, all of time. #}
{% macro newest_slices(name) %}
  {%- if planning() and run_query("select count(*) from ops.plan where relation = '" ~ name ~ "'").columns[0][0] > 0 -%}
    {{- return("(select date '0001-01-01' as from_day, date '9999-12-31' as to_day, 'planned' as version)") -}}
  {%- endif -%}
  {%- set newest = "(select max(sequence) from ops.slices where relation = '" ~ name ~ "')" -%}
  {%- if run_query('select ' ~ newest).columns[0][0] is none -%}
    {%- do refuse(model, "'" ~ name ~ "' has no valid_from and valid_to (or was not built yet); read it 'whole'") -%}
  {%- endif -%}
  {{- return("(select from_day, to_day, version from ops.slices where relation = '" ~ name ~ "' and sequence = " ~ newest ~ ")") -}}
{% endmacro %}

{# Refuses ways of reading that could not be honoured, instead of calling days fresh that are not. #}
{% macro check_reads(inputs, unit, sql) %}
  {%- set ways = ['day', 'previous', 'sliced', 'latest', 'whole'] -%}
  {%- set by_day = [] -%}
  {%- for input in inputs if input.kind != 'self' -%}
    {%- if input.read not in ways and not (input.read is integer and input.read > 0) -%}
      {%- do refuse(model, "reads " ~ input.name ~ " '" ~ input.read ~ "'; say one of " ~ ways | join(', ') ~ " or a number of periods") -%}
    {%- elif input.read not in ['sliced', 'latest', 'whole'] -%}
      {%- do by_day.append(input) -%}
      {%- if input.kind == 'recorded' and input.node.config.materialized != 'by_day' -%}
        {%- do refuse(model, input.name ~ " has no days; read it 'whole' or 'sliced'") -%}
      {%- elif input.kind == 'recorded' and unit == 'day' and input.node.config.get('unit', 'day') != 'day' -%}
        {%- do refuse(model, input.name ~ " is by " ~ input.node.config.unit ~ "; a model by day reads it 'whole'") -%}
      {%- endif -%}
    {%- elif input.read == 'latest' and input.kind != 'landed' -%}
      {%- do refuse(model, "only a landed table is read 'latest', not " ~ input.name) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- if not by_day -%}
    {%- do refuse(model, "no input is read by day; say which in config(reads={…}) or make it materialized='whole'") -%}
  {%- endif -%}
  {%- if reads_itself(inputs) and not config.get('contract').enforced -%}
    {%- do refuse(model, "reads itself, so its columns must be known before it is built: enforce its contract") -%}
  {%- endif -%}
  {%- set longest = ([1] + by_day | map(attribute='read') | select('number') | list) | max -%}
  {%- for marker in modules.re.findall('/\\*stale:(.*?)\\*/', sql) if marker.split(':')[1] | int > longest -%}
    {%- do refuse(model, "looks back " ~ marker.split(':')[1] ~ " periods on " ~ marker.split(':')[0] ~ ", but its reads say " ~ longest) -%}
  {%- endfor -%}
{% endmacro %}

{#
  The periods of a by_day model, what they would be made of now beside what the ledger says they were made of
  (`recorded` is the relation the ledger is asked about). Only those that differ, unless `all_periods`.
#}
{% macro compared_sql(inputs, unit, recorded, all_periods) %}
  with now as ({{ current_inputs(inputs, unit) }}),
  was as (
    select day, inputs, output_hash, row_count from ops.fresh
    where relation = '{{ recorded }}' and day is not null and output_hash <> 'gone'
  )
  select
    cast(coalesce(now.day, was.day) as {{ dbt.type_string() }}) as day,
    cast(coalesce(now.row_count, was.row_count, 0) as bigint) as row_count,
    now.inputs as inputs_now,
    was.inputs as inputs_were,
    was.output_hash as output_was,
    {% set days = env_var('NIGHTSHIFT_DAYS', var('days', 0) | string) | int -%}
    {% if days > 0 -%}
    coalesce(now.day, was.day) > {{ add_periods('(select ' ~ period('max(on_date)', unit) ~ ' from ops.horizon)', -1 * days, unit) }}
    {%- else -%} true {%- endif %} as wanted
  from now
  full outer join was on now.day = was.day
  {%- if not all_periods %}
  where now.inputs is distinct from was.inputs
  {%- endif %}
  order by 1
{% endmacro %}

{#
  The stale periods in order, each {day, row_count, inputs_now, reason}. For a model that reads its own previous period
  also those that are not stale yet, each with `output_was`: one can only tell once the period before it is built.
#}
{% macro stale_periods(inputs, unit, recorded) %}
  {%- set in_order = reads_itself(inputs) -%}
  {%- set periods = [] -%}
  {%- for row in run_query(compared_sql(inputs, unit, recorded, in_order)).rows if row['wanted'] or in_order -%}
    {%- do periods.append({'day': row['day'], 'row_count': row['row_count'], 'inputs_now': row['inputs_now'],
      'inputs_were': row['inputs_were'], 'output_was': row['output_was'], 'wanted': row['wanted']}) -%}
  {%- endfor -%}
  {{- return(periods) -}}
{% endmacro %}

{% macro reads_itself(inputs) %}{{ return(inputs | selectattr('kind', 'equalto', 'self') | list | length > 0) }}{% endmacro %}

{# What a period is made of, its own previous period included (`outputs`: output hash by day). None: nothing is left of it. #}
{% macro made_of(period, inputs, unit, outputs) %}
  {%- if period.inputs_now is none or not reads_itself(inputs) -%}{{- return(period.inputs_now) -}}{%- endif -%}
  {{- return(period.inputs_now ~ ';self=' ~ outputs.get(shift_period(period.day, -1, unit), 'none')[:16]) -}}
{% endmacro %}

{# Why a period is stale, in words: which inputs differ. #}
{% macro stale_reason(now, were) %}
  {%- if were is none -%}{{- return('new day') -}}{%- endif -%}
  {%- if now is none -%}{{- return(nothing_left()) -}}{%- endif -%}
  {%- set before = were.split(';') -%}
  {%- set after = now.split(';') -%}
  {%- set names = [] -%}
  {%- for input in after if input not in before -%}{%- do names.append(input.split('=')[0]) -%}{%- endfor -%}
  {%- for input in before if input not in after -%}{%- do names.append(input.split('=')[0]) -%}{%- endfor -%}
  {{- return('changed: ' ~ names | unique | join(', ')) -}}
{% endmacro %}

{% macro nothing_left() %}{{ return('nothing of it is left') }}{% endmacro %}
