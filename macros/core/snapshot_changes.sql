{#
  What changed in a table that a backend ships whole every day: one row per key and snapshot in which the key is new,
  differs from the snapshot before in one of `columns`, or is gone (with its last values). `carried` columns come along
  but their change alone is no change. Where a key stands twice in a snapshot, the copy with the newest `newest` counts,
  then the one that arrived last.

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

    select snapshot_on as changed_on, previous_on, snapshot_on
    from snapshots
    where {{ stale_days('snapshot_on') }}
    union all
    select snapshot_on as changed_on, previous_on, previous_on as snapshot_on
    from snapshots
    where {{ stale_days('snapshot_on') }} and previous_on is not null

),

copies as (

    select
        compared.changed_on,
        compared.previous_on,
        compared.snapshot_on,
        {%- for column in key + columns + carried %}
        staged.{{ column }},
        {%- endfor %}
        row_number() over (
            partition by compared.changed_on, compared.snapshot_on
            {%- for column in key %}, staged.{{ column }}{% endfor %}
            order by {% if newest %}staged.{{ newest }} desc, {% endif %}staged._arrived_on desc, staged._dump_id, staged._source_line
        ) as copy_number
    from compared
    inner join {{ staged }} as staged on staged.snapshot_on = compared.snapshot_on

),

now_there as (

    select * from copies where copy_number = 1 and snapshot_on = changed_on

),

there_before as (

    select * from copies where copy_number = 1 and snapshot_on < changed_on

)

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
