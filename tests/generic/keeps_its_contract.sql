{#
  What a staging view must be true to before anything is built on it: every row and cent that its source declared is
  staged or quarantined, a snapshot holds each key once, and no more is quarantined than `quarantine_above` in the YAML
  allows. The sentences, and how each is counted, are in macros/staging/discrepancies.sql; a failing row names the one
  that is not true of a dump (or of an arrival day). The quarantined rows: ./nightshift quarantine <backend>.<table>.
#}
{% test keeps_its_contract(model) %}
    {%- set node = attached_source() -%}
    select
        arrived_on,
        dump_id,
        sentence,
        expected,
        found
    from ops.discrepancies
    where backend = '{{ node.source_name }}' and table_name = '{{ node.name }}'
{% endtest %}
