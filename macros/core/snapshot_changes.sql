{#
  What changed in a table that a backend ships whole every day: one row per key and snapshot in which the key is new,
  differs from the snapshot before in one of `columns`, or is gone (with its last values). `carried` columns come along,
  but a change of theirs alone is none. A table shipped several times a day says with `newest` which word of a key is the
  day's last; of others each day's snapshot holds a key once, which staging tests.

    {{ snapshot_changes(ref('stg_catalog__artists'), key=['artist_id'], columns=['name', 'main_genre', 'created_at']) }}

  The model is by_day on changed_on and reads the staging view as 'previous': the day's snapshot and the one before it,
  which is not yesterday's where a day is missing.
#}
{% macro snapshot_changes(staged, key, columns, carried=[], newest=none) %}
with snapshots as (

    select snapshot_on, lag(snapshot_on) over (order by snapshot_on) as previous_on
    from (select distinct snapshot_on from {{ staged }}) as days

),

compared as (

    select snapshot_on as changed_on, previous_on
    from snapshots
    where {{ stale_days('snapshot_on') }}

),
{% for side, day in [('now_there', 'changed_on'), ('there_before', 'previous_on')] %}
{{ side }} as (

    {%- if newest %}
    select *
    from (
    {%- endif %}
    select
        compared.changed_on,
        compared.previous_on
        {%- for column in key + columns + carried %},
        staged.{{ column }}
        {%- endfor %}
        {%- if newest %},
        row_number() over (
            partition by compared.changed_on{% for column in key %}, staged.{{ column }}{% endfor %}
            order by staged.{{ newest }} desc, staged._arrived_on desc, staged._dump_id, staged._source_line
        ) as newest_first
        {%- endif %}
    from compared
    inner join {{ staged }} as staged on staged.snapshot_on = compared.{{ day }}
    {%- if newest %}
    ) as words
    where newest_first = 1
    {%- endif %}

){{ ',' if not loop.last }}
{% endfor %}
select
    coalesce(now_there.changed_on, there_before.changed_on) as changed_on,
    coalesce(now_there.previous_on, there_before.previous_on) as previous_on,
    case
        when there_before.changed_on is null then 'inserted'
        when now_there.changed_on is null then 'deleted'
        else 'updated'
    end as change_kind
    {%- for column in key %},
    coalesce(now_there.{{ column }}, there_before.{{ column }}) as {{ column }}
    {%- endfor %}
    {%- for column in columns + carried %},
    case when now_there.changed_on is null then there_before.{{ column }} else now_there.{{ column }} end as {{ column }}
    {%- endfor %}
from now_there
full outer join there_before
    on there_before.changed_on = now_there.changed_on
    {%- for column in key %}
    and there_before.{{ column }} = now_there.{{ column }}
    {%- endfor %}
where
    now_there.changed_on is null
    or there_before.changed_on is null
    {%- for column in columns %}
    or now_there.{{ column }} is distinct from there_before.{{ column }}
    {%- endfor %}
{% endmacro %}
