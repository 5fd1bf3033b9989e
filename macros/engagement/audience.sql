{#
  Heads the audience model of a campaign (campaigns/<name>/audience_<name>.sql): a view of the columns account_id and
  data_json, asked only on days on which the campaign is due.
#}
{% macro campaign_audience() %}
  {{- config(materialized='view', schema='campaigns', group='engagement', access='protected') -}}
{% endmacro %}

{#
  The period a campaign is about, one row: period, period_from, period_to (exclusive), send_on. No row while it is not
  due, unless a preview asks for it.
#}
{% macro campaign_period(name) -%}
    (
        select *
        from {{ ref('int_campaign_periods') }}
        where campaign = '{{ name }}' and (is_due or {{ is_previewed(name) }})
    )
{%- endmacro %}

{# The days of that period, one row each: joined by equality, so that a big table is read for those days only. #}
{% macro campaign_days(name) -%}
    (
        select calendar.day
        from {{ calendar() }} as calendar
        inner join {{ campaign_period(name) }} as periods
            on calendar.day >= periods.period_from
            and calendar.day < periods.period_to
    )
{%- endmacro %}

{# Whether this session previews the campaign: a variable of the session, so that the views need not be other ones. #}
{% macro is_previewed(name) %}{{ return(adapter.dispatch('is_previewed')(name)) }}{% endmacro %}

{% macro default__is_previewed(name) %}{{ return("coalesce(getvariable('preview_of'), '') = '" ~ name ~ "'") }}{% endmacro %}
