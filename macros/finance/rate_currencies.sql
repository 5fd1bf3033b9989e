{# The currencies the European Central Bank's file has a column for; backends/rates.yml lists them too. #}
{% macro rate_currencies() %}
  {{ return('usd jpy bgn cyp czk dkk eek gbp huf ltl lvl mtl pln rol ron sek sit skk chf isk nok hrk rub trl try aud brl cad cny hkd idr ils inr krw mxn myr nzd php sgd thb zar'.split(' ')) }}
{% endmacro %}
