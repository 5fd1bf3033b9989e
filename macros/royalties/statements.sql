{# The id of a statement's line: its grain, hashed. #}
{% macro statement_line_id(lines) -%}
  concat('R', substr(md5(concat_ws('|',
    {%- for column in ['statement_month', 'line_kind', 'rights_holder_id', 'licensor_id', 'recording_id', 'territory', 'plan_code', 'currency', 'play_month', 'cause'] %}
    coalesce(cast({{ lines }}.{{ column }} as {{ dbt.type_string() }}), ''){{ ',' if not loop.last }}
    {%- endfor %})), 1, 20))
{%- endmacro %}

{# A rate of int_finance__exchange_rates as a whole number of 100,000,000ths of the books' currency. #}
{% macro rate_units(currency, rates) %}cast({{ rate_of(currency, rates) }} * 100000000 as bigint){% endmacro %}

{# Cents of one currency in cents of another, by the rates of both, rounded once. #}
{% macro converted_cents(cents, from_units, to_units) -%}
  cast({{ rounded_quotient(wide(cents) ~ ' * ' ~ from_units, to_units) }} as bigint)
{%- endmacro %}
