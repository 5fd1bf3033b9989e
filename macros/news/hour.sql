{# The hour an edition is made for: everything that happened before its end counts, nothing after it. Written by ./nightshift hour. #}
{% macro edition_hour() %}(select max(hour) from ops.edition_hour){% endmacro %}

{# The hour a step of the fold over hours is about (see by_hour). #}
{% macro step_hour() %}cast(getvariable('news_hour') as timestamp){% endmacro %}

{# How many days hold everything within a story's reach. #}
{% macro reach_days() %}{{ return((var('story_reach_hours') | int) // 24 + 1) }}{% endmacro %}
