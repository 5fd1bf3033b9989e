{# An amount of a currency in the currency of the books: rounded half away from zero, once, from an exact product. #}
{% macro in_reporting_currency(amount, exchange_rate) %}cast(cast({{ amount }} as decimal(19, 2)) * cast({{ exchange_rate }} as decimal(18, 8)) as decimal(18, 2)){% endmacro %}

{# An amount as a whole number of cents, and back. #}
{% macro cents(amount) %}cast(({{ amount }}) * 100 as bigint){% endmacro %}

{% macro from_cents(cents) %}cast(cast({{ cents }} as decimal(18, 0)) * cast(0.01 as decimal(3, 2)) as decimal(18, 2)){% endmacro %}

{# Currency of the books: the euro, for which the European Central Bank's rates are quoted. #}
{% macro reporting_currency() %}{{ return("'EUR'") }}{% endmacro %}

{# The rate of a row joined from int_finance__exchange_rates; the currency of the books itself needs none. #}
{% macro rate_of(currency, rates) %}case when {{ currency }} = {{ reporting_currency() }} then 1 else {{ rates }}.exchange_rate end{% endmacro %}

{# An amount in euro cents, at the rate of a row joined from dim_exchange_rate: whole numbers, rounded once. #}
{% macro euro_cents(amount, rates) %}{{ rounded_quotient('cast((' ~ amount ~ ') * 100 as bigint) * 1000000', 'cast(' ~ rates ~ '.units_per_euro * 1000000 as bigint)') }}{% endmacro %}
