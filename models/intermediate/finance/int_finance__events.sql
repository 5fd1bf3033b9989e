{{ config(materialized='view') }}
{%- for events in ['invoice', 'cash', 'settlement', 'other'] %}
    select
        event, source_table, source_key, occurred_on, currency, exchange_rate,
        kind, document, account_id, plan_code, country,
        {{ event_amounts() | join(', ') }}
    from {{ ref('int_finance__' ~ events ~ '_events') }}
    {{ 'union all' if not loop.last }}
{%- endfor %}
