{# A relation of all days a business of today can be about (one column, `day`), made on the spot. #}
{% macro calendar() %}{{ return(adapter.dispatch('calendar')()) }}{% endmacro %}

{% macro default__calendar() %}{{ return("(select cast(range as date) as day from range(date '2000-01-01', date '2100-01-01', interval 1 day))") }}{% endmacro %}

{% macro spark__calendar() %}{{ return("(select explode(sequence(date '2000-01-01', date '2099-12-31', interval 1 day)) as day)") }}{% endmacro %}

{# The number of days from one date to another. #}
{% macro days_between(earlier, later) %}{{ return(adapter.dispatch('days_between')(earlier, later)) }}{% endmacro %}

{% macro default__days_between(earlier, later) %}{{ return("date_diff('day', " ~ earlier ~ ", " ~ later ~ ")") }}{% endmacro %}

{% macro spark__days_between(earlier, later) %}{{ return('datediff(' ~ later ~ ', ' ~ earlier ~ ')') }}{% endmacro %}

{# The number of whole seconds from one timestamp to another. #}
{% macro seconds_between(earlier, later) %}{{ return(adapter.dispatch('seconds_between')(earlier, later)) }}{% endmacro %}

{% macro default__seconds_between(earlier, later) %}{{ return("date_diff('second', " ~ earlier ~ ", " ~ later ~ ")") }}{% endmacro %}

{% macro spark__seconds_between(earlier, later) %}{{ return('timestampdiff(second, ' ~ earlier ~ ', ' ~ later ~ ')') }}{% endmacro %}

{# A date as ISO 8601 text: 2026-03-01. #}
{% macro iso_day(day) %}{{ return('cast(' ~ day ~ ' as ' ~ dbt.type_string() ~ ')') }}{% endmacro %}

{# The ISO 8601 week of a date as text: 2026-W09. #}
{% macro iso_week(day) %}{{ return(adapter.dispatch('iso_week')(day)) }}{% endmacro %}

{% macro default__iso_week(day) %}{{ return("strftime(" ~ day ~ ", '%G-W%V')") }}{% endmacro %}

{% macro spark__iso_week(day) %}{{ return("concat(extract(yearofweek from " ~ day ~ "), '-W', lpad(cast(extract(week from " ~ day ~ ") as string), 2, '0'))") }}{% endmacro %}
