{# The columns of an event of a mail, alike for every kind; what a kind does not have is null. #}
{% macro mail_event(id, kind, topic='cast(null as varchar)', smtp_code='cast(null as integer)', enhanced_status='cast(null as varchar)', link='cast(null as varchar)') %}
    {{ id }} as event_id,
    {{ kind }} as event_kind,
    send_key,
    account_id,
    {{ topic }} as topic,
    {{ smtp_code }} as smtp_code,
    {{ enhanced_status }} as enhanced_status,
    {{ link }} as link,
    occurred_at,
    occurred_on
{%- endmacro %}
