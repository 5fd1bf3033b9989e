{#- Generated from backends/support.yml by ./nightshift sources; edit that file and run it again. -#}
{% macro rules_of_support() %}
  {{- return({
    "payment_reviews": {
      "unknown_verdict": "verdict not in ('fraud', 'genuine')"
    },
    "streaming_appeals": {
      "unknown_verdict": "verdict not in ('reinstated', 'rejected')",
      "ends_before_it_starts": "plays_to < plays_from"
    }
  }) -}}
{% endmacro %}
