{#- Generated from backends/rates.yml by ./nightshift sources; edit that file and run it again. -#}
{% macro rules_of_rates() %}
  {{- return({
    "eurofxref": {
      "rate_not_positive": "usd <= 0 or gbp <= 0 or jpy <= 0"
    }
  }) -}}
{% endmacro %}
