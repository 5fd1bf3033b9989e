{#
  One end of Wilson's 95% interval of a share: `sign` is '-' or '+'. Both are within 0 and 1 and make sense of few people.
#}
{% macro wilson(successes, total, sign) -%}
((2 * {{ successes }} + 3.841459 {{ sign }} 1.959964 * sqrt(3.841459 + 4.0 * {{ successes }} * ({{ total }} - {{ successes }}) / {{ total }})) / (2 * ({{ total }} + 3.841459)))
{%- endmacro %}
