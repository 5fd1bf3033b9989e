{#
  The estimate of a HyperLogLog sketch: how many different members its rows (one a bucket, `rank` null where the bucket
  is empty) have seen. Flajolet, Fusy, Gandouet, Meunier 2007, fig. 3, with 4,096 buckets: standard error
  1.04 / sqrt(4096) = 1.6 %; below 2.5 times the buckets, linear counting of those that are empty. A 52-bit hash needs
  no correction for large numbers.
#}
{% macro distinct_in_sketch(rank) -%}
  {%- set empty = '(4096 - count(' ~ rank ~ '))' -%}
  {%- set estimate = '(0.7213 / (1 + 1.079 / 4096) * 4096 * 4096 / (' ~ empty ~ ' + coalesce(sum(power(2, -' ~ rank ~ ')), 0)))' -%}
  cast(round(case
    when {{ estimate }} <= 2.5 * 4096 and {{ empty }} > 0 then 4096 * ln(4096.0 / {{ empty }})
    else {{ estimate }}
  end) as bigint)
{%- endmacro %}
