{{ config(materialized='view') }}
{% for events in ['invoice', 'cash', 'settlement', 'other'] -%}
select * from {{ ref('int_finance__' ~ events ~ '_events') }}
{{ 'union all' if not loop.last }}
{% endfor %}
