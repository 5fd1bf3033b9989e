{# A limit of a rule that people edit: seeds/streaming_rules.csv. #}
{% macro rule_threshold(rule, threshold) -%}
(select max(value) from {{ ref('streaming_rules') }} where rule = '{{ rule }}' and threshold = '{{ threshold }}')
{%- endmacro %}
