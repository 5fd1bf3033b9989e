{#
  What a model reads, found by walking its references: through views down to landed tables, recorded models, seeds and
  other relations. Each input: {kind: landed | recorded | definition | content, name, relation, read}, where read is
  'day', a number of periods, 'sliced', 'previous', 'latest' or 'whole' as the model's `reads` says, 'whole' by default.
#}
{% macro model_inputs(model) %}
  {%- set inputs = [] -%}
  {%- set reads = config.get('reads', {}) -%}
  {%- do collect_inputs(model.depends_on.nodes, reads, none, inputs) -%}
  {%- if reads.get('self') -%}
    {%- do inputs.append({'kind': 'self', 'name': 'self', 'read': reads['self']}) -%}
  {%- endif -%}
  {%- set names = inputs | map(attribute='name') | list -%}
  {%- for name in reads if name != 'self' -%}
    {%- set found = [] -%}
    {%- for input in inputs if name in [input.name, input.via] -%}{%- do found.append(1) -%}{%- endfor -%}
    {%- if not found -%}
      {%- do exceptions.raise_compiler_error(model.name ~ ": reads names '" ~ name ~ "', which it does not read; it reads " ~ names | join(', ')) -%}
    {%- endif -%}
  {%- endfor -%}
  {{- return(inputs) -}}
{% endmacro %}

{% macro collect_inputs(node_ids, reads, read_by_view, inputs) %}
  {%- for id in node_ids -%}
    {%- if id.startswith('source.') -%}
      {%- set node = graph.sources[id] -%}
      {%- set name = node.source_name ~ '.' ~ node.name -%}
      {%- do inputs.append({'kind': 'landed' if node.config.meta.get('kind') else 'content', 'name': name, 'via': read_by_view.via if read_by_view, 'node': node,
        'read': reads.get(name, read_by_view.read if read_by_view else 'whole')}) -%}
    {%- elif id.startswith('model.') or id.startswith('seed.') or id.startswith('snapshot.') -%}
      {%- set node = graph.nodes[id] -%}
      {%- set read = reads.get(node.name, read_by_view.read if read_by_view else 'whole') -%}
      {%- set via = read_by_view.via if read_by_view and node.name not in reads else node.name -%}
      {%- if node.config.materialized in ['by_day', 'whole'] -%}
        {%- do inputs.append({'kind': 'recorded', 'name': node.name, 'via': via, 'node': node, 'read': read,
          'by_day': node.config.materialized == 'by_day'}) -%}
      {%- elif node.config.materialized == 'view' -%}
        {%- do inputs.append({'kind': 'definition', 'name': node.name, 'via': via, 'node': node, 'read': 'whole'}) -%}
        {%- do collect_inputs(node.depends_on.nodes, reads, {'read': read, 'via': via}, inputs) -%}
      {%- elif node.resource_type == 'seed' -%}
        {%- do inputs.append({'kind': 'definition', 'name': node.name, 'via': via, 'node': node, 'read': 'whole'}) -%}
      {%- else -%}
        {%- do inputs.append({'kind': 'content', 'name': node.name, 'via': via, 'node': node, 'read': 'whole'}) -%}
      {%- endif -%}
    {%- endif -%}
  {%- endfor -%}
{% endmacro %}

{#
  The version of an input that is read whole: one text that changes when anything in it does. A landed table: its
  visible dumps (or only the newest, read 'latest'); a recorded model: all its days; a view or seed: its newest
  definition; anything else (a source that is not of the landing): its rows, hashed now.
#}
{% macro whole_version_sql(input) %}
  {%- set name = input.name -%}
  {%- if input.kind == 'landed' -%}
    {%- set where = "backend = '" ~ input.node.source_name ~ "' and table_name = '" ~ input.node.name ~ "'" -%}
    {%- if input.read == 'latest' -%}
      select '{{ name }}' as input, max(version) as version from ops.landed_versions where {{ where }} and day = (select max(day) from ops.landed_versions where {{ where }})
    {%- else -%}
      select '{{ name }}' as input, md5(coalesce({{ ordered_concat("version", "day") }}, '')) as version from ops.landed_versions where {{ where }}
    {%- endif -%}
  {%- elif input.kind == 'recorded' -%}
    select '{{ name }}' as input, md5(coalesce({{ ordered_concat("concat(coalesce(cast(day as varchar), ''), output_hash)", "day") }}, '')) as version
    from {{ recorded_days() }} as recorded where relation = '{{ name }}' and output_hash <> 'gone'
  {%- elif input.kind == 'definition' -%}
    select '{{ name }}' as input, max(version) as version from {{ definitions() }} as definitions where relation = '{{ name }}'
  {%- else -%}
    select '{{ name }}' as input, '{{ content_hash(api.Relation.create(database=input.node.database, schema=input.node.schema, identifier=input.node.identifier or input.node.alias)) }}' as version
  {%- endif -%}
{% endmacro %}

{# The newest definition of each view and seed; while planning, what the plan found instead. #}
{% macro definitions() %}
  {%- set newest = "select relation, version from (select *, row_number() over (partition by relation order by sequence desc) as newest_first from ops.definitions) as numbered where newest_first = 1" -%}
  {%- if planning() -%}
    {{ return("(" ~ newest ~ " and relation not in (select relation from ops.plan where reason = 'definition') union all select relation, 'planned' from ops.plan where reason = 'definition')") }}
  {%- else -%}
    {{ return("(" ~ newest ~ ")") }}
  {%- endif -%}
{% endmacro %}

{# The newest row of each recorded day; while planning, a day to be rebuilt counts as changed. #}
{% macro recorded_days() %}
  {%- if planning() -%}
    {{ return("(select relation, day, output_hash, row_count from ops.fresh where (relation, coalesce(day, date '0001-01-01')) not in (select relation, coalesce(day, date '0001-01-01') from ops.plan) union all select relation, day, 'planned', row_count from ops.plan where reason <> 'definition')") }}
  {%- else -%}
    {{ return('(select relation, day, output_hash, row_count from ops.fresh)') }}
  {%- endif -%}
{% endmacro %}

{# Appends the version of a view or a seed to ops.definitions if it is new. #}
{% macro record_definition(relation, version) %}
  {%- if planning() -%}
    {{ return("insert into ops.plan select '" ~ relation.identifier ~ "', null, 'definition', null where not exists (select 1 from " ~ definitions() ~ " as definitions where relation = '" ~ relation.identifier ~ "' and version = '" ~ version ~ "')") }}
  {%- else -%}
    {{ return("insert into ops.definitions select (select coalesce(max(sequence), 0) + 1 from ops.definitions), '" ~ relation.identifier ~ "', '" ~ version ~ "' where not exists (select 1 from " ~ definitions() ~ " as definitions where relation = '" ~ relation.identifier ~ "' and version = '" ~ version ~ "')") }}
  {%- endif -%}
{% endmacro %}
