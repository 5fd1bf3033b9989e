{#- Generated from backends/nightshift.yml by ./nightshift sources; edit that file and run it again. -#}
{% macro rules_of_nightshift() %}
  {{- return({
    "journal_batches": {},
    "closed_months": {},
    "statements": {},
    "royalty_pools": {},
    "royalty_usage": {},
    "royalty_suspense": {},
    "decisions": {},
    "judgements": {},
    "recommendations_served": {},
    "editions": {},
    "promotions": {},
    "sends": {},
    "erasures": {},
    "runs": {},
    "run_nodes": {},
    "mart_versions": {}
  }) -}}
{% endmacro %}
