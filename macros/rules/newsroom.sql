{#- Generated from backends/newsroom.yml by ./nightshift sources; edit that file and run it again. -#}
{% macro rules_of_newsroom() %}
  {{- return({
    "articles": {},
    "reader_events": {
      "unknown_event": "event not in ('impression', 'read')"
    }
  }) -}}
{% endmacro %}
