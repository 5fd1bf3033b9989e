{#
  Tests of a by_day model look at the days changed since its domain was last published, not at history;
  NIGHTSHIFT_TEST_ALL=1 makes them look at everything.
#}
{% macro default__get_where_subquery(relation) -%}
  {%- set conditions = [] -%}
  {%- if config.get('where') -%}{%- do conditions.append(config.get('where')) -%}{%- endif -%}
  {%- set node = graph.nodes.get(model.attached_node) if model.attached_node else none -%}
  {%- if node and node.config.materialized == 'by_day' -%}
    {%- do conditions.append(changed_days(node.name, node.config.day)) -%}
  {%- endif -%}
  {%- if conditions -%}
    (select * from {{ relation }} where {{ conditions | join(' and ') }}) dbt_subquery
  {%- else -%}
    {{ relation }}
  {%- endif -%}
{%- endmacro %}

{# For singular tests: the condition that keeps a by_day model to the days that changed since the last publication. #}
{% macro changed_days(model_name, day) -%}
  {%- if env_var('NIGHTSHIFT_TEST_ALL', '') == '1' -%}
    true
  {%- else -%}
    {{ day }} in (select day from ops.changed_days where relation = '{{ model_name }}')
  {%- endif -%}
{%- endmacro %}

{#
  After a run: writes for each domain whether everything in it (models, data tests) ran and passed, and up to which
  point of the ledger. Publishing asks this table; a domain of which a part did not run is not certified, unless the
  caller says in ops.settled that this part stands as it passed.
#}
{% macro certify_domains(results) %}
  {%- if execute and not planning() and flags.WHICH in ['build', 'test'] -%}
    {%- set bad = {} -%}{%- set ran = {} -%}{%- set asked = {} -%}
    {%- for result in results -%}
      {%- do ran.update({result.node.unique_id: result.status | string}) -%}
    {%- endfor -%}
    {%- for node in run_query('select node from ops.settled').columns[0].values() -%}
      {%- do ran.setdefault(node, 'pass') -%}
    {%- endfor -%}
    {%- do run_query('truncate table ops.settled') -%}
    {%- for node in graph.nodes.values() if node.resource_type in ['model', 'test', 'seed'] and node.config.enabled and node.config.materialized != 'ephemeral' and node.package_name == project_name -%}
      {%- set domain = test_domain(node) if node.resource_type == 'test' else domain_of(node) -%}
      {%- set status = ran.get(node.unique_id, 'did not run') -%}
      {%- do asked.setdefault(domain, []).append(node.name) -%}
      {%- if status not in ['success', 'pass', 'warn'] -%}
        {%- do bad.setdefault(domain, []).append(node.name ~ ': ' ~ status) -%}
      {%- endif -%}
    {%- endfor -%}
    {%- for domain in asked -%}
      {%- set failures = (bad.get(domain, []) | sort | join('; '))[:4000] | replace("'", "''") -%}
      {%- do run_query("insert into ops.domain_checks select '" ~ domain ~ "', (select coalesce(max(sequence), 0) from ops.ledger), " ~ ('false' if failures else 'true') ~ ", '" ~ failures ~ "', current_timestamp") -%}
    {%- endfor -%}
  {%- endif -%}
{% endmacro %}

{# A generic test belongs to the domain of the model it is attached to, a singular test to its folder below tests/sql/. #}
{% macro test_domain(node) %}
  {%- set attached = graph.nodes.get(node.attached_node) if node.attached_node else none -%}
  {{- return(domain_of(attached) if attached else domain_of(node)) -}}
{% endmacro %}

{# Schemas carry the names readers know: the layer or the domain, nothing before it. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
