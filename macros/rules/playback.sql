{#- Generated from backends/playback.yml by ./nightshift sources; edit that file and run it again. -#}
{% macro rules_of_playback() %}
  {{- return({
    "plays": {
      "negative_duration": "ms_played < 0",
      "longer_than_a_day": "ms_played > 86400000"
    },
    "searches": {
      "negative_count": "results_shown < 0"
    }
  }) -}}
{% endmacro %}
