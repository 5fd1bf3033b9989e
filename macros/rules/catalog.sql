{#- Generated from backends/catalog.yml by ./nightshift sources; edit that file and run it again. -#}
{% macro rules_of_catalog() %}
  {{- return({
    "artists": {},
    "releases": {},
    "tracks": {
      "no_duration": "duration_ms <= 0"
    },
    "licensors": {},
    "rights_holders": {
      "withholding_not_a_share": "withholding_tax_rate < 0 or withholding_tax_rate >= 1",
      "negative_amount": "payout_threshold < 0 or advance_amount < 0"
    },
    "contracts": {
      "share_not_a_share": "revenue_share < 0 or revenue_share > 1",
      "ends_before_it_starts": "valid_to <= valid_from",
      "unknown_method": "allocation_method not in ('pro_rata', 'user_centric')"
    },
    "splits": {
      "share_not_a_share": "share <= 0 or share > 1",
      "ends_before_it_starts": "valid_to <= valid_from"
    },
    "availability": {
      "ends_before_it_starts": "valid_to <= valid_from"
    }
  }) -}}
{% endmacro %}
