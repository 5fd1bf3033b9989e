{#
  The name of the first rule of backends/<backend>.yml that a row of a landed table breaks, null for a row that breaks
  none. Staging keeps what is null; a rule added to the YAML is in force with the next build, for all of history.
#}
{% macro broken_rule(backend, table) -%}
  {%- set rules = landed_source(backend, table).get('rules', {}) if execute else {} -%}
  {%- if rules -%}
    case
    {%- for name, condition in rules.items() %}
        when {{ condition }} then '{{ name }}'
    {%- endfor %}
    end
  {%- else -%}
    cast(null as varchar)
  {%- endif -%}
{%- endmacro %}

{# What the YAML of a backend says of a table: kind, key, version, rules, control_totals, quarantine_above, … #}
{% macro landed_source(backend, table) %}
  {%- for node in graph.sources.values() if node.source_name == backend and node.name == table -%}
    {{- return(node.config.meta) -}}
  {%- endfor -%}
  {%- do exceptions.raise_compiler_error("no table " ~ backend ~ "." ~ table ~ " in models/staging; run ./nightshift sources") -%}
{% endmacro %}
