{#
  dbt's own tests of a column return that column alone; who has to find out why a test failed wants to see the row.
  `./nightshift rows` prints what these return.
#}
{% macro default__test_not_null(model, column_name) %}
select * from {{ model }} where {{ column_name }} is null
{% endmacro %}

{% macro default__test_relationships(model, column_name, to, field) %}
with child as (

    select * from {{ model }} where {{ column_name }} is not null

),

parent as (

    select {{ field }} as parent_key from {{ to }}

)

select child.*
from child
left join parent on child.{{ column_name }} = parent.parent_key
where parent.parent_key is null
{% endmacro %}
