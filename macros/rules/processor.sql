{#- Generated from backends/processor.yml by ./nightshift sources; edit that file and run it again. -#}
{% macro rules_of_processor() %}
  {{- return({
    "settlements": {
      "net_is_not_the_difference": "settled_net_amount <> settled_gross_amount - settled_fee_amount",
      "unknown_kind": "kind not in ('payment', 'declined_fee', 'refund', 'chargeback', 'chargeback_reversal', 'adjustment')"
    }
  }) -}}
{% endmacro %}
