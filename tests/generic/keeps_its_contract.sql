{#
  What a staging view must be true to before anything is built on it, for each dump that landed and each measure (rows,
  control totals): what the source declared came to the door; that landed or was refused; what landed comes out of the
  view or breaks a rule of the YAML; a snapshot holds each key once; and of what arrived on a day no more is quarantined
  than `quarantine_above` allows (in a log, where rows stand alone, `quarantine_few` rows are never too many). And no dump
  that is still seen was severely odd in the night it came (ops.anomalies; what a first load finds in its past is told only).
  A failing row names the sentence that is not true, and the two figures. The quarantined rows themselves:
  ./nightshift quarantine <backend>.<table>. Dumps that people have `accepted` in the YAML are not asked.
#}
{% test keeps_its_contract(model) %}
    {%- set node = attached_source() -%}
    {%- set meta = node.config.meta -%}
    {%- set of_table = "backend = '" ~ node.source_name ~ "' and table_name = '" ~ node.name ~ "'" ~ not_accepted(meta) -%}
    {%- set nothing = 'cast(null as decimal(38, 8))' %}
    with facts as (

        select
            dump_id,
            arrived_on,
            'rows' as measure,
            cast(row_count as decimal(38, 8)) as landed,
            {{ nothing }} as refused,
            {{ nothing }} as declared,
            {{ nothing }} as counted,
            {{ nothing }} as kept_out,
            {{ nothing }} as staged,
            {{ nothing }} as quarantined
        from ops.visible_dumps
        where {{ of_table }}
        union all
        select dump_id, arrived_on, 'rows', null, row_count, null, null, null, null, null
        from ops.landed_refusals
        where {{ of_table }}
        union all
        select dump_id, arrived_on, measure, null, null, declared, counted, kept_out, null, null
        from ops.landed_totals
        where {{ of_table }}
        union all
        select dump_id, arrived_on, measure, null, null, null, null, null, amount, null
        from ops.staged
        where {{ of_table }} and version = {{ staged_version(node) }}
        union all
        select dump_id, arrived_on, measure, null, null, null, null, null, null, amount
        from ops.sifted
        where {{ of_table }} and version = '{{ rules_version(node) }}' and outcome not in ('kept', 'nothing')

    ),

    by_measure as (

        select
            dump_id,
            arrived_on,
            measure,
            max(landed) as landed,
            coalesce(sum(refused), 0) as refused,
            max(declared) as declared,
            max(counted) as counted,
            max(counted) - max(kept_out) as let_in,
            coalesce(sum(staged), 0) as staged,
            coalesce(sum(quarantined), 0) as quarantined
        from facts
        group by dump_id, arrived_on, measure

    ),

    measures as (

        select
            *,
            max(landed) over (partition by dump_id, arrived_on) as rows_landed,
            max(refused) over (partition by dump_id, arrived_on) as rows_refused,
            max(case when measure = 'rows' then staged end) over (partition by dump_id, arrived_on) as rows_staged
        from by_measure

    ),

    days as (

        select
            arrived_on,
            sum(rows_landed + rows_refused) as rows_arrived,
            sum(rows_refused + quarantined) as rows_quarantined
        from measures
        where measure = 'rows' and rows_landed is not null
        group by arrived_on

    ),

    sentences as (

        select
            arrived_on,
            dump_id,
            concat('the ', measure, ' that the source declared came to the door') as sentence,
            declared as expected,
            counted as found
        from measures
        where rows_landed is not null and rows_refused = 0 and declared <> counted
        union all
        select arrived_on, dump_id, 'the rows that came to the door landed or were refused', let_in, landed
        from measures
        where measure = 'rows' and let_in <> landed
        union all
        select arrived_on, dump_id, concat('the ', measure, ' that landed are staged or quarantined'), coalesce(landed, let_in), staged + quarantined
        from measures
        where rows_landed is not null and coalesce(landed, let_in) <> staged + quarantined
        union all
        select arrived_on, dump_id, 'a snapshot holds each key once', rows_staged, staged
        from measures
        where rows_landed is not null and measure = 'distinct keys' and rows_staged <> staged
        union all
        select arrived_on, cast(null as {{ api.Column.translate_type('string') }}), 'no more rows are quarantined than allowed', {{ allowed_in_quarantine(meta) }}, rows_quarantined
        from days
        where rows_quarantined > {{ allowed_in_quarantine(meta) }}
        union all
        select
            anomalies.night,
            anomalies.dump_id,
            concat('the dump is as its past lets expect, which it severely is not: ', anomalies.sentence),
            cast(anomalies.expected as decimal(38, 8)),
            cast(anomalies.found as decimal(38, 8))
        from ops.anomalies as anomalies
        where
            {{ of_table }}
            and anomalies.severity = 'severe'
            and anomalies.is_tonight
            and anomalies.dump_id in (select dump_id from ops.visible_dumps where {{ of_table }})

    )

    select arrived_on, dump_id, sentence, expected, found
    from sentences
{% endtest %}
