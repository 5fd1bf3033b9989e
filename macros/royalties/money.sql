{# An integer of up to 38 digits: products of money and weights do not fit into 64 bits. #}
{% macro wide(number) %}{{ return(adapter.dispatch('wide')(number)) }}{% endmacro %}

{% macro default__wide(number) %}{{ return('cast(' ~ number ~ ' as hugeint)') }}{% endmacro %}

{% macro spark__wide(number) %}{{ return('cast(' ~ number ~ ' as decimal(38, 0))') }}{% endmacro %}

{# Billionths of a cent in a cent: what a pool, a recording or a payee is due is carried so far; cents are placed once. #}
{% macro nanos() %}{{ return('1000000000') }}{% endmacro %}

{# A share of an amount: amount * part / whole, towards zero; nothing where the whole is nothing. #}
{% macro part_of(amount, part, whole) -%}
  case when {{ whole }} = 0 then {{ wide(0) }} else {{ whole_quotient(wide(amount) ~ ' * ' ~ wide(part), wide(whole)) }} end
{%- endmacro %}

{#
  Cents of a member of a group by largest remainder: everyone has the whole cents of what is due to it, and the cents
  that the group's total has beyond these (`whole`: their sum) go to the largest remainders, one each. `place` is the
  member's in the group by remainder, in a total order. Where remainders are cut off so short that there are more cents
  left than members, each has one more. All of it are 64-bit numbers: dividing wider ones takes ten times as long.
#}
{% macro cents_by_largest_remainder(due, total, whole, members, place) -%}
  {{ whole_quotient(due, nanos()) }} + {{ whole_quotient(total ~ ' - ' ~ whole, members) }}
  + case when {{ place }} <= ({{ total }} - {{ whole }}) % {{ members }} then 1 else 0 end
{%- endmacro %}

{#
  The same share row after row of a large table, in 64 bits: what there is of it once a pool is precomputed.
  amount * part / whole = quotient * part + rest * part / whole, exactly.
#}
{% macro precomputed_part(part, quotient, rest, whole) -%}
  {{ quotient }} * {{ part }} + case when {{ whole }} = 0 then 0 else {{ whole_quotient(rest ~ ' * ' ~ part, whole) }} end
{%- endmacro %}

{#
  amount * part / whole where the whole does not fit into 64 bits: the quotient as a whole number, nine digits after it
  and nine more (digits_of_quotient), times the part in two halves of nine digits. At most two units too little.
#}
{% macro part_by_digits(part, quotient, digits, more_digits) -%}
  {{ quotient }} * {{ part }} + {{ digits }} * {{ whole_quotient(part, 1000000000) }}
  + {{ whole_quotient(digits ~ ' * (' ~ part ~ ' % 1000000000) + ' ~ more_digits ~ ' * ' ~ whole_quotient(part, 1000000000), 1000000000) }}
{%- endmacro %}

{# Digits number `first` to `first` + 8 after the point of a quotient of two wide numbers (first = 1 or 10). #}
{% macro digits_of_quotient(amount, whole, first) -%}
  {%- set rest = '(' ~ wide(amount) ~ ' % ' ~ whole ~ ')' -%}
  {%- if first == 10 -%}{%- set rest = '((' ~ rest ~ ' * 1000000000) % ' ~ whole ~ ')' -%}{%- endif -%}
  case when {{ whole }} = 0 then cast(0 as bigint) else cast({{ whole_quotient(rest ~ ' * 1000000000', whole) }} as bigint) end
{%- endmacro %}

{# So many millionths of an amount, towards zero, in 64 bits. #}
{% macro millionths_of(amount, millionths) -%}
  {{ whole_quotient(amount, 1000000) }} * {{ millionths }} + {{ whole_quotient('(' ~ amount ~ ' % 1000000) * ' ~ millionths, 1000000) }}
{%- endmacro %}
