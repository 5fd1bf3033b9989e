{#
  The condition of a join to a table with valid_from and valid_to: its row that holds on a day.

    left join {{ ref('dim_track_history') }} as tracks
        on tracks.track_id = plays.track_id and {{ valid_on('tracks', 'plays.played_on') }}

  Written with `or valid_to is null`, a left join looks at every pair of rows instead of hashing them.
#}
{% macro valid_on(spans, day) -%}
  {{ day }} >= {{ spans }}.valid_from and {{ day }} < coalesce({{ spans }}.valid_to, date '9999-12-31')
{%- endmacro %}
