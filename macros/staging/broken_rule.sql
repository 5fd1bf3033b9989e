{#
  The name of the first rule of backends/<backend>.yml that a row of a landed table breaks, null for a row that breaks
  none. Staging keeps what is null; a rule added to the YAML (./nightshift sources writes it to macros/rules/) is in
  force with the next build, for all of history.
#}
{% macro broken_rule(backend, table) -%}
  {%- set rules_of = context.get('rules_of_' ~ backend) -%}
  {%- if not rules_of or table not in rules_of() -%}
    {%- do exceptions.raise_compiler_error("no rules are known of " ~ backend ~ "." ~ table ~ "; run ./nightshift sources") -%}
  {%- endif -%}
  {%- set rules = rules_of()[table] -%}
  {%- if rules -%}
    case
    {%- for name, condition in rules.items() %}
        when {{ condition }} then '{{ name }}'
    {%- endfor %}
    end
  {%- else -%}
    cast(null as {{ api.Column.translate_type('string') }})
  {%- endif -%}
{%- endmacro %}
