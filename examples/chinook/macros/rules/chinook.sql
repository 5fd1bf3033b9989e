{#- Generated from backends/chinook.yml by ./nightshift sources; edit that file and run it again. -#}
{% macro rules_of_chinook() %}
  {{- return({
    "customer": {},
    "invoice": {
      "negative_amount": "total_amount < 0"
    },
    "invoice_line": {
      "nothing_sold": "quantity <= 0"
    },
    "track": {},
    "genre": {}
  }) -}}
{% endmacro %}
