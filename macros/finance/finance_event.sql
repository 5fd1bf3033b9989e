{#
  A finance event in the one shape that posting rules know (see int_finance__events); what is not given is null. Amounts
  are in the event's currency; `exchange_amount` is in the currency of the books, posted with nothing beside it.

    select {{ finance_event("'gift_card_sold'", 'billing.gift_cards', key='event_id', day='occurred_on', total_amount='amount') }}
    from …
#}
{% macro finance_event(event, source_table, key, day) %}
    {%- set texts = ['kind', 'document', 'account_id', 'plan_code', 'country'] -%}
    cast({{ event }} as {{ dbt.type_string() }}) as event,
    '{{ source_table }}' as source_table,
    {{ key }} as source_key,
    {{ day }} as occurred_on,
    {{ kwargs.get('currency', 'currency') }} as currency,
    cast({{ kwargs.get('exchange_rate', 'null') }} as decimal(18, 8)) as exchange_rate
    {%- for column in texts %},
    cast({{ kwargs.get(column, 'null') }} as {{ dbt.type_string() }}) as {{ column }}
    {%- endfor %}
    {%- for column in event_amounts() %},
    cast({{ kwargs.get(column, 'null') }} as decimal(18, 2)) as {{ column }}
    {%- endfor %}
{%- endmacro %}

{# The amounts an event can have, as posting rules name them. #}
{% macro event_amounts() %}{{ return(['total_amount', 'net_amount', 'tax_amount', 'fee_amount', 'deferred_amount', 'earned_amount', 'exchange_amount']) }}{% endmacro %}
