{#- Generated from backends/members.yml by ./nightshift sources; edit that file and run it again. -#}
{% macro rules_of_members() %}
  {{- return({
    "accounts": {
      "closed_before_created": "closed_at < created_at",
      "unknown_status": "status not in ('active', 'suspended', 'closed')"
    },
    "consents": {
      "unknown_topic": "topic not in ('digest', 'listening_report', 'offers', 'new_releases')"
    },
    "follows": {},
    "saves": {},
    "blocks": {
      "unknown_item_kind": "item_kind not in ('artist', 'track')"
    },
    "erasure_requests": {}
  }) -}}
{% endmacro %}
