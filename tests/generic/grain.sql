{#
  The promise behind "One row per …": the columns are never null and no combination of them stands twice. On a by_day
  model it looks at the days that changed since its domain was last published.
#}
{% test grain(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as rows_of_it
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{%- for column in columns %} or {{ column }} is null{% endfor %}
{% endtest %}
