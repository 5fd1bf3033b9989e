{#
  dbt's own tests of a column return that column alone; who has to find out why a test failed wants to see the row.
  `./nightshift rows` prints what these return.
#}
{% macro default__test_not_null(model, column_name) %}
select * from {{ model }} where {{ column_name }} is null
{% endmacro %}

{% macro default__test_relationships(model, column_name, to, field) %}
select child.*
from {{ model }} as child
left join {{ to }} as parent on parent.{{ field }} = child.{{ column_name }}
where child.{{ column_name }} is not null and parent.{{ field }} is null
{% endmacro %}
