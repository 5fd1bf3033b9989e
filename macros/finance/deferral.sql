{#
  How much of a service has been rendered when a day ends, in units of `service_units`. Whole days: the day service
  begins counts, the day it ends does not. Exact time: seconds.
#}
{% macro units_rendered(day, service_from, service_to) -%}
  {%- if var('deferral_method') == 'exact_time' -%}
    greatest(0, least({{ service_units(service_from, service_to) }}, {{ seconds_between(service_from, 'cast(' ~ add_periods(day, 1, 'day') ~ ' as timestamp)') }}))
  {%- elif var('deferral_method') == 'whole_days' -%}
    greatest(0, least({{ service_units(service_from, service_to) }}, {{ days_between('cast(' ~ service_from ~ ' as date)', day) }} + 1))
  {%- else -%}
    {%- do exceptions.raise_compiler_error("deferral_method is '" ~ var('deferral_method') ~ "'; it can be whole_days or exact_time") -%}
  {%- endif -%}
{%- endmacro %}

{# The length of a service: whole days or seconds, at least one. #}
{% macro service_units(service_from, service_to) -%}
  {%- if var('deferral_method') == 'exact_time' -%}
    greatest(1, {{ seconds_between(service_from, service_to) }})
  {%- else -%}
    greatest(1, {{ days_between('cast(' ~ service_from ~ ' as date)', 'cast(' ~ service_to ~ ' as date)') }})
  {%- endif -%}
{%- endmacro %}

{# Cents of an amount earned when a day ends: the amount's share of the service rendered, towards zero, so that days add up to it. #}
{% macro cents_earned(cents, day, service_from, service_to) -%}
  {{ whole_quotient('(' ~ cents ~ ') * ' ~ units_rendered(day, service_from, service_to), service_units(service_from, service_to)) }}
{%- endmacro %}

{# The last day on which a service earns anything. #}
{% macro last_day_of_service(service_from, service_to) -%}
  {%- if var('deferral_method') == 'exact_time' -%}
    cast({{ service_to }} - interval 1 second as date)
  {%- else -%}
    greatest(cast({{ service_from }} as date), {{ add_periods('cast(' ~ service_to ~ ' as date)', -1, 'day') }})
  {%- endif -%}
{%- endmacro %}
