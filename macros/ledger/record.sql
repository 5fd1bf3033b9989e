{# The next number in the ledger's order; clocks go back, it does not. #}
{% macro next_sequence() %}(select coalesce(max(sequence), 0) + 1 from ops.ledger){% endmacro %}

{# The values every ledger row of this model begins with: sequence, relation, model, domain. #}
{% macro ledger_key(relation) %}{{ next_sequence() }}, '{{ relation }}', '{{ model.name }}', '{{ domain_of(model) }}'{% endmacro %}

{# The unit of publication a node belongs to: the folder below models/<layer>/ (tests: below tests/sql/). #}
{% macro domain_of(node) %}
  {%- set parts = node.original_file_path.split('/') -%}
  {{- return(parts[2] if parts | length > 3 else parts[0]) -}}
{% endmacro %}

{# Marks that a relation was made anew (or is gone): what the ledger said of it before no longer counts. #}
{% macro record_created(relation) %}
  {{- return("insert into ops.ledger select " ~ ledger_key(relation) ~ ", cast(null as date), cast(null as varchar), cast(null as varchar), 'created', cast(0 as bigint), '" ~ invocation_id ~ "', current_timestamp") -}}
{% endmacro %}

{#
  Records periods that were just written: what they were made of, and a hash of the rows that lie in the table now.
  `made_of` are (day, inputs) pairs as the stale query gave them; a day without inputs leaves a tombstone.
#}
{% macro record_periods(target, columns, day, periods, made_of, logic) %}
  {%- set rows = [] -%}
  {%- for period in periods -%}
    {%- set inputs = made_of[period] -%}
    {%- do rows.append("select date '" ~ period ~ "' as day, " ~ ("'" ~ inputs ~ "'" if inputs else 'cast(null as varchar)') ~ " as inputs") -%}
  {%- endfor -%}
  {{- return("insert into ops.ledger
    with asked as (" ~ rows | join(' union all ') ~ "),
    made as (select " ~ day ~ " as day, " ~ rows_hash(columns) ~ " as output_hash, count(*) as row_count from " ~ target ~ " where " ~ in_periods(day, periods, 'day') ~ " group by " ~ day ~ ")
    select " ~ ledger_key(target.identifier) ~ ", asked.day, '" ~ logic ~ "', asked.inputs,
      case when asked.inputs is null then 'gone' else coalesce(made.output_hash, 'empty') end, coalesce(made.row_count, 0), '" ~ invocation_id ~ "', current_timestamp
    from asked left join made on made.day = asked.day") -}}
{% endmacro %}

{# For a table with validity ranges: a hash of the rows valid on each span of days, from running sums of row hashes. #}
{% macro record_slices(target, columns) %}
  {%- set names = columns | map(attribute='name') | list -%}
  {%- if 'valid_from' not in names or 'valid_to' not in names -%}{{- return([]) -}}{%- endif -%}
  {%- set kept = [] -%}
  {%- for column in columns if not column.name.startswith('_') -%}{%- do kept.append(column) -%}{%- endfor -%}
  {{- return(["insert into ops.slices
    with hashed as (
      select coalesce(cast(valid_from as date), date '0001-01-01') as valid_from, coalesce(cast(valid_to as date), date '9999-12-31') as valid_to, " ~ row_number_hash(kept) ~ " as row_hash from " ~ target ~ "
    ),
    edges as (
      select valid_from as day, row_hash as change, 1 as counted from hashed
      union all
      select valid_to, -row_hash, -1 from hashed
    ),
    per_day as (select day, sum(change) as change, sum(counted) as counted from edges group by day),
    running as (select day, sum(change) over (order by day) as total, sum(counted) over (order by day) as counted, lead(day) over (order by day) as next_day from per_day)
    select (select coalesce(max(sequence), 0) from ops.ledger), '" ~ target.identifier ~ "', day, next_day, md5(concat(cast(total as varchar), ':', cast(counted as varchar)))
    from running where next_day is not null"]) -}}
{% endmacro %}
