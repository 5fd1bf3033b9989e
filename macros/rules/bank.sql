{#- Generated from backends/bank.yml by ./nightshift sources; edit that file and run it again. -#}
{% macro rules_of_bank() %}
  {{- return({
    "statements": {}
  }) -}}
{% endmacro %}
