{#- Generated from campaigns/*/campaign.yml by ./nightshift sources; edit those files and run it again. -#}
{% macro campaigns() %}{{ return(['weekly_digest', 'listening_report', 'new_releases', 'win_back']) }}{% endmacro %}

{# One row per campaign with its settings; a share is in ten-thousandths, a time in minutes of the day. #}
{% macro campaign_settings() -%}
(
    values
    ('weekly_digest', 'digest', 10, 'week', 1, 3, 3, 7, 500, 420, 1200, 'en,de,fr,es', 'en', 7),
    ('listening_report', 'listening_report', 20, 'month', 2, 4, 3, 7, 500, 480, 1200, 'en,de,fr,es,ar', 'en', 14),
    ('new_releases', 'new_releases', 30, 'week', 5, 2, 3, 7, 500, 480, 1200, 'en,de,fr,es', 'en', 7),
    ('win_back', 'offers', 40, 'week', 4, 3, 1, 28, 2000, 600, 1140, 'en,de,fr,es', 'en', 14)
) as settings (
    campaign, topic, priority, every, run_on, open_days, cap_mails, cap_days, holdout_lots, earliest_minute, latest_minute, languages, fallback_language, goal_days
)
{%- endmacro %}
