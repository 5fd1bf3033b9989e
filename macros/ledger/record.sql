{# The next number in the ledger's order; clocks go back, it does not. #}
{% macro next_sequence() %}(select coalesce(max(sequence), 0) + 1 from ops.ledger){% endmacro %}

{# The unit of publication a node belongs to: the folder below models/<layer>/ (tests: below tests/sql/). #}
{% macro domain_of(node) %}
  {%- set parts = node.original_file_path.split('/') -%}
  {{- return(parts[2] if parts | length > 3 else parts[0]) -}}
{% endmacro %}

{# A statement that appends rows to the ledger: what they say of days comes from `rows`, a query (day, logic_hash, inputs, output_hash, row_count). #}
{% macro append_to_ledger(relation, rows) %}
  {{- return("insert into ops.ledger select " ~ next_sequence() ~ ", '" ~ relation ~ "', '" ~ model.name ~ "', '" ~ domain_of(model) ~ "', day, logic_hash, inputs, output_hash, row_count, '" ~ invocation_id ~ "', current_timestamp from (" ~ rows ~ ") as rows_to_record") -}}
{% endmacro %}

{# A ledger row without a day. 'created': the relation was made anew, what was said of it before no longer counts; 'started': with this logic. #}
{% macro record_event(relation, event, logic=none) %}
  {%- set text = dbt.type_string() -%}
  {{- return(append_to_ledger(relation, "select cast(null as date) as day, cast(" ~ ("'" ~ logic ~ "'" if logic else 'null') ~ " as " ~ text ~ ") as logic_hash, cast(null as " ~ text ~ ") as inputs, '" ~ event ~ "' as output_hash, cast(0 as bigint) as row_count")) -}}
{% endmacro %}

{#
  Records periods that were just written: what they were made of, and a hash of the rows that lie in the table now.
  `made_of` has the inputs by period; a period without inputs leaves a tombstone.
#}
{% macro record_periods(target, columns, day, made_of, logic) %}
  {%- set asked = [] -%}
  {%- for period, inputs in made_of.items() -%}
    {%- do asked.append("(date '" ~ period ~ "', " ~ ("'" ~ inputs ~ "'" if inputs else 'null') ~ ')') -%}
  {%- endfor -%}
  {{- return(append_to_ledger(target.identifier, "
    select asked.day, '" ~ logic ~ "' as logic_hash, cast(asked.inputs as " ~ dbt.type_string() ~ ") as inputs,
      case when asked.inputs is null then 'gone' else coalesce(made.output_hash, 'empty') end as output_hash, coalesce(made.row_count, 0) as row_count
    from (values " ~ asked | join(', ') ~ ") as asked (day, inputs)
    left join (
      select cast(" ~ day ~ " as date) as day, " ~ rows_hash(columns) ~ " as output_hash, count(*) as row_count
      from " ~ target ~ " where " ~ in_periods(day, made_of | list, 'day') ~ " group by cast(" ~ day ~ " as date)
    ) as made on made.day = asked.day")) -}}
{% endmacro %}

{#
  For a table with validity ranges: a hash of the rows valid on each span of days, from running sums of row hashes, over
  all of time. The ranges themselves do not count, so a row that ends later changes nothing on the days before: a model
  that reads it 'sliced' finds the rows of its day by valid_from and valid_to and uses them for nothing else.
#}
{% macro record_slices(target, columns) %}
  {%- set names = columns | map(attribute='name') | list -%}
  {%- if 'valid_from' not in names or 'valid_to' not in names -%}{{- return([]) -}}{%- endif -%}
  {%- set kept = hashed_columns(columns, without=['valid_from', 'valid_to']) -%}
  {{- return(["insert into ops.slices
    with hashed as (
      select coalesce(cast(valid_from as date), date '0001-01-01') as valid_from, coalesce(cast(valid_to as date), date '9999-12-31') as valid_to, " ~ row_hash(kept) ~ " as row_hash
      from " ~ target ~ "
      where valid_from is null or valid_to is null or valid_from < valid_to
    ),
    edges as (
      select valid_from as day, row_hash as change, 1 as counted from hashed
      union all
      select valid_to as day, -row_hash as change, -1 as counted from hashed
      union all
      select date '0001-01-01' as day, 0 as change, 0 as counted
      union all
      select date '9999-12-31' as day, 0 as change, 0 as counted
    ),
    per_day as (select day, sum(change) as change, sum(counted) as counted from edges group by day),
    running as (
      select day, sum(change) over (order by day) as total, sum(counted) over (order by day) as counted, lead(day) over (order by day) as next_day
      from per_day
    )
    select (select coalesce(max(sequence), 0) + 1 from ops.slices), '" ~ target.identifier ~ "', day, next_day,
      md5(concat('" ~ shape_of(kept) ~ "', ':', cast(total as " ~ dbt.type_string() ~ "), ':', cast(counted as " ~ dbt.type_string() ~ ")))
    from running
    where next_day is not null"]) -}}
{% endmacro %}
