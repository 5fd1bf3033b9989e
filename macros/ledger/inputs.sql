{#
  What a model reads, found by walking its references: through views and ephemeral models down to landed tables,
  recorded models, seeds and other relations. Each input: {kind, name, via, node, read}.
    kind  landed, recorded (by_day or whole), definition (a view's or seed's version), content (any other table) or self
    via   the reference through which the model reads it: `reads` may name either
    read  how the model's `reads` says it is read: 'day', a number of periods, 'previous', 'sliced', 'latest' or 'whole';
          not said means whole, too much work at worst
#}
{% macro model_inputs(model) %}
  {%- set reads = config.get('reads', {}) -%}
  {%- set inputs = collect_inputs(model.depends_on.nodes, reads, none, []) -%}
  {%- if reads.get('self') -%}
    {%- do inputs.append({'kind': 'self', 'name': 'self', 'via': 'self', 'read': reads['self']}) -%}
  {%- endif -%}
  {%- for name in reads if name not in (inputs | map(attribute='name') | list) + (inputs | map(attribute='via') | list) -%}
    {%- do refuse(model, "reads names '" ~ name ~ "', which it does not read; it reads " ~ inputs | map(attribute='name') | unique | join(', ')) -%}
  {%- endfor -%}
  {{- return(inputs) -}}
{% endmacro %}

{% macro collect_inputs(node_ids, reads, reader, inputs) %}
  {%- for id in node_ids if id.split('.')[0] in ['source', 'model', 'seed', 'snapshot'] -%}
    {%- set node = graph.sources[id] if id in graph.sources else graph.nodes[id] -%}
    {%- set name = node.source_name ~ '.' ~ node.name if id.startswith('source.') else node.name -%}
    {%- set read = reads.get(name, reader.read if reader else 'whole') -%}
    {%- set via = reader.via if reader and name not in reads else name -%}
    {%- set materialized = node.config.get('materialized') -%}
    {%- set input = {'name': name, 'via': via, 'node': node, 'read': read} -%}
    {%- if id.startswith('source.') -%}
      {%- set landed = node.config.meta.get('kind') is not none -%}
      {%- do inputs.append(dict(input, kind='landed' if landed else 'content', read=read if landed else 'whole')) -%}
    {%- elif materialized in ['by_day', 'whole'] -%}
      {%- do inputs.append(dict(input, kind='recorded')) -%}
    {%- elif node.resource_type == 'seed' -%}
      {%- do inputs.append(dict(input, kind='definition', read='sliced' if read == 'sliced' else 'whole')) -%}
    {%- elif materialized in ['view', 'ephemeral'] -%}
      {%- if materialized == 'view' -%}{%- do inputs.append(dict(input, kind='definition', read='whole')) -%}{%- endif -%}
      {%- do collect_inputs(node.depends_on.nodes, reads, {'read': read, 'via': via}, inputs) -%}
    {%- else -%}
      {%- do inputs.append(dict(input, kind='content', read='whole')) -%}
    {%- endif -%}
  {%- endfor -%}
  {{- return(inputs) -}}
{% endmacro %}

{# Stops the build of a model with a message that names it. #}
{% macro refuse(model, message) %}{%- do exceptions.raise_compiler_error(model.name ~ ': ' ~ message) -%}{% endmacro %}

{# The condition that picks one landed table's rows in ops.landed_…. #}
{% macro of_landed(node) %}{{ return("backend = '" ~ node.source_name ~ "' and table_name = '" ~ node.name ~ "'") }}{% endmacro %}

{#
  The version of an input that is read whole: one text that changes when anything in it does. A landed table: its
  visible dumps (or only the newest day's, read 'latest'); a recorded model: all its days; a view or seed: its newest
  definition; anything else (a source that is not of the landing): its rows, hashed now.
#}
{% macro whole_version_sql(input) %}
  {%- set name = input.name -%}
  {%- if input.kind == 'landed' and input.read == 'latest' -%}
    select '{{ name }}' as input, max(version) as version from ops.landed_versions
    where {{ of_landed(input.node) }} and day = (select max(day) from ops.landed_versions where {{ of_landed(input.node) }})
  {%- elif input.kind == 'landed' -%}
    select '{{ name }}' as input, md5(coalesce({{ ordered_concat("version", "day") }}, '')) as version
    from ops.landed_versions where {{ of_landed(input.node) }}
  {%- elif input.kind == 'recorded' -%}
    select '{{ name }}' as input, md5(coalesce({{ ordered_concat("concat(coalesce(cast(day as " ~ dbt.type_string() ~ "), ''), output_hash)", "coalesce(day, date '0001-01-01')") }}, '')) as version
    from {{ recorded_days() }} as recorded where relation = '{{ name }}' and output_hash not in ('gone', 'empty')
  {%- elif input.kind == 'definition' -%}
    select '{{ name }}' as input, max(version) as version from {{ definitions() }} as definitions where relation = '{{ name }}'
  {%- else -%}
    select '{{ name }}' as input, '{{ content_hash(api.Relation.create(database=input.node.database, schema=input.node.schema, identifier=input.node.identifier or input.node.alias)) }}' as version
  {%- endif -%}
{% endmacro %}

{# relation, version of each view and seed, the newest; while planning, what the plan found instead. #}
{% macro definitions() %}
  {%- set newest = "select relation, version from (select relation, version, row_number() over (partition by relation order by sequence desc) as newest_first from ops.definitions) as numbered where newest_first = 1" -%}
  {%- if planning() -%}
    {%- set newest = newest ~ " and relation not in (select relation from ops.plan where reason = 'definition') union all select relation, 'planned' from ops.plan where reason = 'definition'" -%}
  {%- endif -%}
  {{- return('(' ~ newest ~ ')') -}}
{% endmacro %}

{# relation, day, output_hash, row_count of what is recorded, the newest; while planning, a day to be rebuilt counts as changed. #}
{% macro recorded_days() %}
  {%- set recorded = 'select relation, day, output_hash, row_count from ops.fresh' -%}
  {%- if planning() -%}
    {%- set recorded = recorded ~ " where not exists (select 1 from ops.plan where plan.relation = fresh.relation and coalesce(plan.day, date '0001-01-01') = coalesce(fresh.day, date '0001-01-01'))
      union all select relation, day, case when reason = '" ~ nothing_left() ~ "' then 'gone' else 'planned' end, row_count from ops.plan where reason <> 'definition'" -%}
  {%- endif -%}
  {{- return('(' ~ recorded ~ ')') -}}
{% endmacro %}

{# Appends the version of a view or seed to ops.definitions if it is new; to ops.plan while planning. #}
{% macro record_definition(name, version) %}
  {%- set unless_known = " where not exists (select 1 from " ~ definitions() ~ " as definitions where relation = '" ~ name ~ "' and version = '" ~ version ~ "')" -%}
  {%- if planning() -%}
    {{- return("insert into ops.plan select '" ~ name ~ "', cast(null as date), 'definition', cast(null as bigint)" ~ unless_known) -}}
  {%- endif -%}
  {{- return("insert into ops.definitions select (select coalesce(max(sequence), 0) + 1 from ops.definitions), '" ~ name ~ "', '" ~ version ~ "'" ~ unless_known) -}}
{% endmacro %}
