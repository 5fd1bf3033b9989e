{{ config(materialized='whole') }}
select
    cast(mart_schema as {{ dbt.type_string() }}) as mart_schema,
    cast(mart_name as {{ dbt.type_string() }}) as mart_name,
    cast(column_name as {{ dbt.type_string() }}) as column_name,
    cast(column_position as integer) as column_position,
    cast(data_type as {{ dbt.type_string() }}) as data_type,
    cast(meaning as {{ dbt.type_string() }}) as meaning,
    cast(unit as {{ dbt.type_string() }}) as unit,
    cast(is_personal as boolean) as is_personal,
    cast(grain as {{ dbt.type_string() }}) as grain,
    cast(owner as {{ dbt.type_string() }}) as owner,
    cast(freshness as {{ dbt.type_string() }}) as freshness,
    cast(questions as {{ dbt.type_string() }}) as questions,
    cast(caveats as {{ dbt.type_string() }}) as caveats
from (
    values
    {%- for line in data_dictionary() %}
    {{ line }}{{ ',' if not loop.last }}
    {%- else %}
    (null, null, null, null, null, null, null, null, null, null, null, null, false)
    {%- endfor %}
) as words (
    mart_schema, mart_name, column_name, data_type, meaning, unit, grain, owner, freshness, questions, caveats,
    column_position, is_personal
)
where mart_name is not null
