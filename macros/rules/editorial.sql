{#- Generated from backends/editorial.yml by ./nightshift sources; edit that file and run it again. -#}
{% macro rules_of_editorial() %}
  {{- return({
    "headline_overrides": {
      "unknown_action": "action not in ('pin', 'split', 'merge', 'ban')",
      "merge_with_nothing": "action = 'merge' and other_article_id is null"
    }
  }) -}}
{% endmacro %}
