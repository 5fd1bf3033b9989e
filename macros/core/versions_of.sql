{#
  The versions of each key of an int_…_changes model, with the span of days each was the newest known: `since` is the
  first day (inclusive), `until` the first day it no longer held (null while it does). A key's first version holds from
  the day of its `created` column, so that what lands late touches only the days it is about. After a missing snapshot,
  `updated` says on which of the days in between it changed. The last row of a key that is gone has change_kind 'deleted'.

    from ({{ versions_of(ref('int_catalog__artists_changes'), key='artist_id', created='created_at') }}) as versions
#}
{% macro versions_of(changes, key, created=none, updated=none) %}
    {%- set keys = key if key is not string else [key] %}
    select
        dated.*,
        lead(dated.since) over (partition by {{ keys | join(', ') }} order by dated.changed_on) as until
    from (
        select
            numbered.*,
            {%- if created or updated %}
            case
                {%- if created %}
                when numbered.version_number = 1 then least(cast(numbered.{{ created }} as date), numbered.changed_on)
                {%- endif %}
                {%- if updated %}
                when numbered.change_kind = 'updated' then greatest(
                    {{ add_periods('numbered.previous_on', 1, 'day') }}, least(cast(numbered.{{ updated }} as date), numbered.changed_on)
                )
                {%- endif %}
                else numbered.changed_on
            end as since
            {%- else %}
            numbered.changed_on as since
            {%- endif %}
        from (
            select
                changes.*,
                row_number() over (partition by {{ keys | join(', ') }} order by changes.changed_on) as version_number
            from {{ changes }} as changes
        ) as numbered
    ) as dated
{%- endmacro %}
