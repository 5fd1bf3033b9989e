{#- Generated from backends/mail.yml by ./nightshift sources; edit that file and run it again. -#}
{% macro rules_of_mail() %}
  {{- return({
    "deliveries": {},
    "bounces": {},
    "complaints": {},
    "unsubscribes": {
      "unknown_method": "method not in ('one_click', 'page', 'mailto')"
    },
    "clicks": {
      "unknown_kind": "kind not in ('open', 'click')"
    }
  }) -}}
{% endmacro %}
