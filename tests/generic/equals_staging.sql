{#
  Nothing is lost and nothing is there twice between staging and a fact: on each day the fact has as many rows as staging
  has keys, and the same cents. Looks at the days that changed since the domain was last published and opens only the
  dumps that hold rows of them.
#}
{% test equals_staging(model, staged, key, version=none, amounts=[]) %}
{%- set day = narrow_to_changed_days(staged) %}
with expected as (

    select
        {{ day }} as day,
        count(*) as row_count
        {%- for amount in amounts %},
        sum({{ amount }}) as {{ amount }}
        {%- endfor %}
    from ({{ newest_copies(ref(staged), day=day, key=key, version=version) }}) as newest
    where {{ changed_days_of_attached(day) }}
    group by {{ day }}

),

found as (

    select
        {{ day }} as day,
        count(*) as row_count
        {%- for amount in amounts %},
        sum({{ amount }}) as {{ amount }}
        {%- endfor %}
    from {{ model }}
    group by {{ day }}

)

select
    coalesce(expected.day, found.day) as day,
    expected.row_count as rows_staged,
    found.row_count as rows_here
    {%- for amount in amounts %},
    expected.{{ amount }} as {{ amount }}_staged,
    found.{{ amount }} as {{ amount }}_here
    {%- endfor %}
from expected
full outer join found on found.day = expected.day
where expected.row_count is distinct from found.row_count
    {%- for amount in amounts %} or expected.{{ amount }} is distinct from found.{{ amount }}{% endfor %}
{% endtest %}
