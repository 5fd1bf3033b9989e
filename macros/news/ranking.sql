{# One parameter of a formula in seeds/headline_ranking.csv, as a scalar. #}
{% macro ranking(formula, parameter, otherwise='null') -%}
  coalesce((select max(value) from {{ ref('headline_ranking') }} where formula = '{{ formula }}' and parameter = {{ parameter }}), {{ otherwise }})
{%- endmacro %}
