{# What one mail is called for ever: campaign, recipient and period, hashed. The same mail always has the same key. #}
{% macro send_key(campaign, account_id, period) %}{{ return("substr(sha256(concat('mail', '|', " ~ campaign ~ ", '|', " ~ account_id ~ ", '|', " ~ period ~ ')), 1, 32)') }}{% endmacro %}
