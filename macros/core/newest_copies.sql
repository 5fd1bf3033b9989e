{#
  The rows of a log, each key once within its day: of a log whose rows change, the newest `version`; of others, the copy
  that arrived first, so that a copy that comes later changes nothing. The order is total: no two builds choose differently.

    from ({{ newest_copies(ref('stg_billing__payments'), day='attempted_on', key='payment_id', version='updated_at') }}) as payments
#}
{% macro newest_copies(staged, day, key, version=none) %}
    {%- set keys = key if key is not string else [key] %}
    select *
    from (
        select
            staged.*,
            row_number() over (
                partition by staged.{{ day }}{% for column in keys if column != day %}, staged.{{ column }}{% endfor %}
                order by {% if version %}staged.{{ version }} desc, staged._arrived_on desc{% else %}staged._arrived_on{% endif %}, staged._dump_id, staged._source_line
            ) as copy_number
        from {{ staged }} as staged
        where {{ stale_days('staged.' ~ day) }}
    ) as copies
    where copy_number = 1
{%- endmacro %}
