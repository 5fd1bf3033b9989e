{# The frame of a window of days that is exact to the second: later than `days` days ago, up to and with now and its ties. #}
{% macro last_days(days) -%}
  range between interval '{{ days * 86400000000 - 1 }} microseconds' preceding and current row
{%- endmacro %}

{# The same without now: nothing that happens at this very moment is in it. #}
{% macro days_before(days) -%}
  range between interval '{{ days * 86400000000 - 1 }} microseconds' preceding and interval '1 microsecond' preceding
{%- endmacro %}
