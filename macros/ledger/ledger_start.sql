{# Before a run: the ledger's tables, what the landing holds, and one view per landed table. #}
{% macro ledger_start() %}
  {%- if execute and flags.WHICH in ['build', 'run', 'seed', 'test', 'snapshot', 'retry'] -%}
    {%- for statement in ledger_tables() -%}{%- do run_query(statement) -%}{%- endfor -%}
    {%- if planning() -%}{%- do run_query('truncate table ops.plan') -%}{%- endif -%}
    {%- do load_landing() -%}
    {%- do create_source_views() -%}
    {%- do sift_dumps() -%}
  {%- endif -%}
{% endmacro %}

{% macro landing_root() %}{{ return(env_var('NIGHTSHIFT_HOME', 'var') ~ '/landing') }}{% endmacro %}

{# The condition that picks the night's own records among landed dumps: they arrive the day after and begin no day. #}
{% macro of_own_records() %}{{ return("(backend = 'nightshift' and table_name in ('runs', 'run_nodes', 'mart_versions'))") }}{% endmacro %}

{# True while `./nightshift plan` asks what a build would do: materializations record stale days and touch nothing. #}
{% macro planning() %}{{ return(env_var('NIGHTSHIFT_PLAN', '') == '1') }}{% endmacro %}

{#
  The ledger
  ops.ledger        append-only; the newest row of (relation, day) says what that day was made of and what came out.
                    A row without a day marks that the table was made anew: rows before it no longer count.
  ops.definitions   append-only; the newest row of a relation is the version of a view's SQL or a seed's content.
  ops.slices        for tables with valid_from and valid_to: a hash of the rows valid on each span of days.
  ops.domain_checks append-only; which domains' models and tests passed, up to which point of the ledger.
  ops.contents      append-only, at the end of a build: the sums behind the content hash of each day of each mart.
  ops.releases      append-only, by publish: up to which point of the ledger a domain has been published.
  ops.plan          what the last plan found stale.
  ops.anomalies     by build: what was odd about the dumps of each day of arrival (see scripts/anomalies.py).
  ops.settled       by ./nightshift build: nodes that are left out because they stand as the last good build left them.
  What the landing holds (copied from its manifests at the start of each run)
  ops.settings      by the caller: the day after which arrivals are hidden, if any.
  ops.horizon       the newest day of arrival that this run sees.
  ops.landed_dumps, …_days, …_files, …_totals, …_refusals   all dumps, the days they hold rows of, their files, control
                    totals and the lines refused at the door.
  ops.visible_dumps those that had arrived by the horizon and were not superseded by then.
  ops.landed_versions   by table and day: a hash of the visible dumps that hold rows of it. A day without rows is no day:
                    an empty snapshot counts as a missing one.
  ops.source_views  which version of the view over each landed table was made last.
  ops.sifted        append-only; what the rules of a table's YAML made of each of its dumps (see macros/staging/).
  ops.staged        append-only; what came out of each staging view, dump by dump.
  ops.edition_hour  by ./nightshift hour: the hour whose headlines are made; elsewhere empty, and so are they.
#}
{% macro ledger_tables() %}{{ return(adapter.dispatch('ledger_tables')()) }}{% endmacro %}

{% macro ledger_columns() %}
  {{ return({
    'settings': 'on_date date',
    'ledger': 'sequence bigint, relation varchar, model varchar, domain varchar, day date, logic_hash varchar, inputs varchar, output_hash varchar, row_count bigint, run_id varchar, recorded_at timestamp',
    'definitions': 'sequence bigint, relation varchar, version varchar',
    'slices': 'sequence bigint, relation varchar, from_day date, to_day date, version varchar',
    'domain_checks': 'domain varchar, ledger_sequence bigint, passed boolean, failures varchar, checked_at timestamp',
    'releases': 'domain varchar, sequence bigint, run_id varchar, released_at timestamp',
    'settled': 'node varchar',
    'contents': 'relation varchar, day date, output_hash varchar, shape varchar, first_sum decimal(38,0), second_sum decimal(38,0), row_count bigint',
    'plan': 'relation varchar, day date, reason varchar, row_count bigint',
    'anomalies': 'backend varchar, table_name varchar, dump_id varchar, night date, measure varchar, severity varchar, found double, expected double, sentence varchar, is_tonight boolean',
  }) }}
{% endmacro %}

{# The views over the ledger: what holds now, and what changed since a domain was last published. #}
{% macro ledger_views() %}
  {{ return({
    'fresh': "
      with numbered as (
        select *, row_number() over (partition by relation, day order by sequence desc) as newest_first,
          max(case when day is null and output_hash = 'created' then sequence else 0 end) over (partition by relation) as created_at_sequence
        from ops.ledger
      )
      select sequence, relation, model, domain, day, logic_hash, inputs, output_hash, row_count
      from numbered
      where newest_first = 1 and sequence > created_at_sequence",
    'changed_days': "
      with released as (select domain, max(sequence) as sequence from ops.releases group by domain)
      select distinct ledger.relation, ledger.day
      from ops.ledger as ledger
      left join released on released.domain = ledger.domain
      where ledger.day is not null and ledger.sequence > coalesce(released.sequence, 0)",
  }) }}
{% endmacro %}

{# Brings ops.landed_… up to date with the manifests in the landing. #}
{% macro load_landing() %}{{ return(adapter.dispatch('load_landing')()) }}{% endmacro %}

{# One view per landed table: its visible files, its columns as the sources' YAML says. #}
{% macro create_source_views() %}{{ return(adapter.dispatch('create_source_views')()) }}{% endmacro %}

{# The Parquet field id the landing gives a column: from its name alone, so that it never changes. #}
{% macro column_field_id(name) %}{{ return(local_md5(name)[:7] | int(0, 16)) }}{% endmacro %}
