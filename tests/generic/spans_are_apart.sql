{#
  The promise behind valid_from and valid_to: on any day a key has at most one row, and no row ends before it begins.
  What it returns are the rows that break it.
#}
{% test spans_are_apart(model, key) %}
with followed as (

    select
        {{ key | join(', ') }},
        valid_from,
        valid_to,
        lead(valid_from) over (partition by {{ key | join(', ') }} order by valid_from) as next_from,
        row_number() over (partition by {{ key | join(', ') }} order by valid_from desc) as newest_first
    from {{ model }}

)

select * from followed
where valid_from is null
    or valid_to <= valid_from
    or valid_to > next_from
    or (valid_to is null and newest_first > 1)
{% endtest %}
