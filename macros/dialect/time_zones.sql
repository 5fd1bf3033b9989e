{# The moment (UTC) at which clocks of a time zone show a local time; daylight saving as the zone has it on that day. #}
{% macro utc_of(local_time, zone) %}{{ return(adapter.dispatch('utc_of')(local_time, zone)) }}{% endmacro %}

{% macro default__utc_of(local_time, zone) %}{{ return("timezone('UTC', timezone(" ~ zone ~ ', ' ~ local_time ~ '))') }}{% endmacro %}

{% macro spark__utc_of(local_time, zone) %}{{ return('to_utc_timestamp(' ~ local_time ~ ', ' ~ zone ~ ')') }}{% endmacro %}

{# A relation of the names of all time zones there are (one column, `name`). #}
{% macro time_zones() %}{{ return(adapter.dispatch('time_zones')()) }}{% endmacro %}

{% macro default__time_zones() %}{{ return('(select name from pg_timezone_names())') }}{% endmacro %}

{# A date and minutes after midnight as a timestamp without a zone. #}
{% macro at_minute(day, minutes) %}{{ return('(cast(' ~ day ~ ' as timestamp) + ' ~ minutes ~ " * interval '1' minute)") }}{% endmacro %}

{# The first eight hexadecimal digits of a text's hash as a number below 10,000: a lot that falls the same every time. #}
{% macro stable_lot(text) %}{{ return(adapter.dispatch('stable_lot')(text)) }}{% endmacro %}

{% macro default__stable_lot(text) %}{{ return("cast(cast('0x' || substr(md5(" ~ text ~ "), 1, 8) as bigint) % 10000 as integer)") }}{% endmacro %}

{% macro spark__stable_lot(text) %}{{ return("cast(cast(conv(substr(md5(" ~ text ~ "), 1, 8), 16, 10) as bigint) % 10000 as integer)") }}{% endmacro %}
