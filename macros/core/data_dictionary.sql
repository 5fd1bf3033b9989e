{#
  What the marts' YAML says, as rows: one per column of every published mart. Words live in one place, the YAML, and a BI
  user finds them in her own tool.
#}
{% macro data_dictionary() %}
  {%- set marts = [] -%}
  {%- for node in (graph.nodes.values() if execute else []) if node.resource_type == 'model' and node.fqn[1] == 'marts' -%}
    {%- do marts.append(node) -%}
  {%- endfor -%}
  {%- set lines = [] -%}
  {%- for node in marts | sort(attribute='unique_id') -%}
    {%- set meta = node.config.meta or {} -%}
    {%- set groups = (graph.groups or {}).values() | selectattr('name', 'equalto', node.config.group) | list -%}
    {%- set owner = meta.get('owner') or (groups[0].owner if groups else none) -%}
    {%- set sentences = node.description.split('. ') -%}
    {%- for column in node.columns.values() -%}
      {%- set values = [
          node.schema, node.alias, column.name, column.data_type or '', column.description.strip(), unit_of(column),
          sentences[0].strip(), owner.name if owner else '', meta.get('freshness') or 'every night',
          (meta.get('questions') or []) | join(' '), meta.get('caveats') or '',
      ] -%}
      {%- set literals = [] -%}
      {%- for value in values -%}{%- do literals.append("'" ~ dbt.escape_single_quotes(value | string) ~ "'") -%}{%- endfor -%}
      {%- do lines.append('(' ~ literals | join(', ') ~ ', ' ~ loop.index ~ ', ' ~ (column.name in person_columns()) ~ ')') -%}
    {%- endfor -%}
  {%- endfor -%}
  {{ return(lines) }}
{% endmacro %}

{# The unit of a column: what its meta says, or what its name promises. #}
{% macro unit_of(column) %}
  {%- set name = column.name -%}{%- set type = column.data_type or '' -%}
  {%- if column.config and column.config.meta and column.config.meta.get('unit') -%}{{ return(column.config.meta.unit) }}
  {%- elif name.endswith('_eur') or '_eur_per_' in name -%}{{ return('EUR') }}
  {%- elif name.endswith('_amount') or name == 'amount' -%}{{ return('the currency in the column currency') }}
  {%- elif name.startswith('ms_') or name.endswith('_ms') -%}{{ return('milliseconds') }}
  {%- elif name.endswith('_hours') -%}{{ return('hours') }}
  {%- elif name.endswith('_bytes') -%}{{ return('bytes') }}
  {%- elif name == 'seconds' or name.endswith('_seconds') -%}{{ return('seconds') }}
  {%- elif name.endswith(('_share', 'tax_rate', '_so_far', 'fraud_rate', 'approval_rate')) or name == 'share' -%}{{ return('share') }}
  {%- elif name.endswith('_days') or 'days_since' in name -%}{{ return('days') }}
  {%- elif type == 'timestamp' -%}{{ return('UTC') }}
  {%- elif type == 'date' -%}{{ return('day (UTC)') }}
  {%- elif type in ('bigint', 'integer', 'smallint', 'double') or type.startswith('decimal') -%}{{ return('number') }}
  {%- else -%}{{ return('') }}
  {%- endif -%}
{% endmacro %}

{# Columns that stand for one person, as a pseudonym or a keyed hash; tests/python/test_personal.py compares with the lineage. #}
{% macro person_columns() %}
  {{ return(['account_id', 'payer_account_id', 'email_hash', 'address_hash', 'send_key', 'device_id', 'card_id', 'network_prefix', 'sketch_bucket', 'sketch_rank']) }}
{% endmacro %}
