{#- Generated from backends/cards.yml by ./nightshift sources; edit that file and run it again. -#}
{% macro rules_of_cards() %}
  {{- return({
    "transactions": {
      "negative_amount": "amount < 0",
      "unknown_label": "is_fraud not in (0, 1)"
    }
  }) -}}
{% endmacro %}
