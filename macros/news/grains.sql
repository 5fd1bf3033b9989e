{#
  The rows that break "One row per …" of several tables at once: columns that are null, or stand twice. `grains`: table and
  columns, and a condition on what has changed since the last edition, where not all is looked at.
#}
{% macro broken_grains(grains) -%}
  {%- for name, columns, changed in grains %}
  select
    '{{ name }}' as table_name,
    '{{ columns | join(', ') }}' as column_names,
    concat_ws(', '{% for column in columns %}, coalesce(cast({{ column }} as varchar), 'null'){% endfor %}) as row_text,
    count(*) as rows_of_it
  from {{ ref(name) }}
  {%- if changed %}
  where {{ changed }}
  {%- endif %}
  group by {{ columns | join(', ') }}
  having count(*) > 1{% for column in columns %} or {{ column }} is null{% endfor %}
  {%- if not loop.last %}
  union all
  {%- endif %}
  {%- endfor %}
{%- endmacro %}
