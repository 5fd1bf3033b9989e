{#
  What a SQL text says, whatever it looks like: its tokens without comments and white space, literals untouched,
  and the markers that stale_days() left (they are comments, but they decide what is read).
#}
{% macro fingerprint(sql) %}
  {%- set markers = modules.re.findall('/\\*stale:(.*?)\\*/', sql) | join(' ') -%}
  {{- return(local_md5(tokens(sql) | join(' ') ~ '|' ~ markers)) -}}
{% endmacro %}

{# The words, literals and signs of a SQL text, comments left out. #}
{% macro tokens(sql) %}
  {%- set literal = "'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\\$\\$.*?\\$\\$" -%}
  {{- return(modules.re.findall("(?s)--[^\\n]*|/\\*.*?\\*/|(" ~ literal ~ "|[\\w$]+|[^\\s\\w])", sql) | select | list) -}}
{% endmacro %}

{#
  The version of a view or model as text: its SQL, and the types of the landed columns it names (all of them where it
  says `*`), because those come from the sources' YAML and not from the SQL.
#}
{% macro definition_of(node, sql) %}
  {%- set words = tokens(sql) -%}
  {%- set every_column = modules.re.search('(^| )(select|[.,]) [*]( |$)', words | join(' ') | lower) is not none -%}
  {%- set types = [] -%}
  {%- for id in node.depends_on.nodes | sort if id.startswith('source.') -%}
    {%- for column in graph.sources[id].columns.values() if every_column or column.name in words -%}
      {%- do types.append(id ~ '.' ~ column.name ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
  {%- endfor -%}
  {{- return(local_md5(fingerprint(sql) ~ types | join(','))) -}}
{% endmacro %}

{# What a recorded model is: its definition and everything in its configuration that changes the result. #}
{% macro logic_of(model, sql) %}
  {%- set columns = [] -%}
  {%- for column in model.columns.values() if column.data_type -%}
    {%- do columns.append(column.name ~ ' ' ~ column.data_type) -%}
  {%- endfor -%}
  {{- return(local_md5(definition_of(model, sql) ~ tojson([config.get('day'), config.get('unit', 'day'), config.get('reads', {}), columns], sort_keys=true))) -}}
{% endmacro %}

{#
  The aggregate behind every output hash: the sum of the rows' hashes with their count and the columns' names and
  types, so that order does not matter and duplicates do. Lineage columns (_…) do not count.
#}
{% macro rows_hash(columns, row_hash_of=none) %}
  {%- set kept = hashed_columns(columns) -%}
  {{- return("md5(concat('" ~ shape_of(kept) ~ "', ':', coalesce(cast(sum(" ~ (row_hash_of or row_hash)(kept) ~ ") as " ~ dbt.type_string() ~ "), '0'), ':', cast(count(*) as " ~ dbt.type_string() ~ ")))") -}}
{% endmacro %}

{# The columns that count in a hash, in one order. #}
{% macro hashed_columns(columns, without=[]) %}
  {%- set kept = [] -%}
  {%- for column in columns | sort(attribute='name') if not column.name.startswith('_') and column.name not in without -%}
    {%- do kept.append(column) -%}
  {%- endfor -%}
  {{- return(kept) -}}
{% endmacro %}

{# Names and types of columns as a short text. #}
{% macro shape_of(columns) %}
  {%- set shape = [] -%}
  {%- for column in columns -%}{%- do shape.append(column.name | lower ~ ' ' ~ column.dtype | lower) -%}{%- endfor -%}
  {{- return(local_md5(shape | sort | join(','))) -}}
{% endmacro %}

{# The hash of a relation's rows now ('none' if it is not there). #}
{% macro content_hash(relation) %}
  {%- if not adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}{{- return('none') -}}{%- endif -%}
  {%- set columns = columns_of(relation) -%}
  {{- return(run_query('select ' ~ rows_hash(columns) ~ ' from ' ~ relation).columns[0][0]) -}}
{% endmacro %}
