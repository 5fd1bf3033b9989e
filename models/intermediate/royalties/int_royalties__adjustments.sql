{{ config(day='royalty_month', unit='month',
    reads={
        'int_royalties__lines': 'day', 'int_royalties__pools': 'day', 'int_royalties__catalogue': 'day',
        'stg_nightshift__royalty_pools': 'day', 'stg_nightshift__royalty_suspense': 'day',
        'int_royalties__said': 'whole', 'int_royalties__closed_months': 'whole', 'dim_split': 'whole', 'int_royalties__reinstated': 'day'
    }) }}
{%- set pool = pool_key() %}
-- What a closed month would say today less what was said of it, line by line, and why they differ. A month before the
-- last closed one of which nothing was known then is closed as well: nothing was said of it.
with months as (
    select royalty_month from {{ ref('int_royalties__closed_months') }}
    union
    select royalty_month from {{ ref('int_royalties__pools') }}
),

closed as (
    select months.royalty_month, min(closings.closed_on) as closed_on
    from months
    inner join {{ ref('int_royalties__closed_months') }} as closings on closings.royalty_month >= months.royalty_month
    where {{ stale_days('months.royalty_month') }}
    group by months.royalty_month
),

said as (
    select said.*
    from {{ ref('int_royalties__said') }} as said
    inner join closed on closed.royalty_month = said.royalty_month
),

suspended as (
    select distinct {{ pool | join(', ') }}, recording_id
    from {{ ref('stg_nightshift__royalty_suspense') }}
    where {{ stale_days('royalty_month') }}
),

lines as (
    select
        pools.royalty_month, pools.territory, pools.plan_code, pools.currency, pools.licensor_id,
        catalogue.recording_id, lines.rights_holder_id, lines.streams, lines.line_cents
    from {{ ref('int_royalties__lines') }} as lines
    inner join closed on closed.royalty_month = lines.royalty_month
    inner join {{ ref('int_royalties__pools') }} as pools
        on {{ same('pools', 'lines', ['royalty_month', 'pool_number']) }}
    inner join {{ ref('int_royalties__catalogue') }} as catalogue
        on {{ same('catalogue', 'lines', ['royalty_month', 'recording_number']) }}
        and {{ stale_days('catalogue.royalty_month') }}
    where {{ stale_days('lines.royalty_month') }} and {{ stale_days('pools.royalty_month') }}
),

differences as (
    select
        {%- for column in pool + ['recording_id', 'rights_holder_id'] %}
            coalesce(today.{{ column }}, said.{{ column }}) as {{ column }},
        {%- endfor %}
        said.royalty_month is null as is_new,
        today.royalty_month is null as is_gone,
        coalesce(today.streams, 0) - coalesce(said.streams, 0) as streams,
        coalesce(today.line_cents, 0) - coalesce(said.line_cents, 0) as line_cents
    from (
        select *
        from lines
        where rights_holder_id is not null
    ) as today
    full outer join said on {{ same('said', 'today', pool + ['recording_id', 'rights_holder_id']) }}
),

repaired as (
    select splits.recording_id, closed.royalty_month
    from {{ ref('dim_split') }} as splits
    inner join closed on splits.known_on > closed.closed_on
    group by splits.recording_id, closed.royalty_month
),
{% for name, source in [('heard', 'lines'), ('said_heard', 'said')] %}
    {{ name }} as (
        select {{ pool | join(', ') }}, recording_id, max(streams) as streams
        from {{ source }}
        group by {{ pool | join(', ') }}, recording_id
    ){{ ',' if not loop.last }}
{% endfor %}
select
    {%- for column in pool + ['recording_id', 'rights_holder_id'] %}
        differences.{{ column }},
    {%- endfor %}
    case
        when suspended.recording_id is not null and differences.is_new then 'suspense_release'
        else 'adjustment'
    end as line_kind,
    case
        when suspended.recording_id is not null and differences.is_new then 'split repaired, out of suspense'
        when repaired.recording_id is not null and (differences.is_new or differences.is_gone) then 'split corrected'
        when differences.is_gone and heard.recording_id is not null then 'in suspense since its split changed'
        when coalesce(heard.streams, 0) > coalesce(said_heard.streams, 0)
            then case when reinstated.plays > 0 then 'plays reinstated by an appeal' else 'late plays' end
        when coalesce(heard.streams, 0) < coalesce(said_heard.streams, 0) then 'plays judged artificial or withdrawn'
        when repaired.recording_id is not null then 'split corrected'
        when as_closed.royalty_month is null or pools.royalty_month is null then 'other plays of the pool'
        when as_closed.allocation_method <> pools.allocation_method or as_closed.contract_id <> pools.contract_id
            then 'contract corrected'
        when as_closed.net_revenue_amount <> {{ from_cents('pools.net_cents') }}
            then 'revenue corrected (refunds, fees)'
        else 'other plays of the pool'
    end as cause,
    cast(differences.streams as bigint) as streams,
    cast(differences.line_cents as bigint) as line_cents
from differences
left join suspended on {{ same('suspended', 'differences', pool + ['recording_id']) }}
left join heard on {{ same('heard', 'differences', pool + ['recording_id']) }}
left join said_heard on {{ same('said_heard', 'differences', pool + ['recording_id']) }}
left join {{ ref('stg_nightshift__royalty_pools') }} as as_closed on {{ same('as_closed', 'differences', pool) }}
left join {{ ref('int_royalties__pools') }} as pools on {{ same('pools', 'differences', pool) }}
left join {{ ref('int_royalties__reinstated') }} as reinstated
    on {{ same('reinstated', 'differences', ['recording_id', 'royalty_month']) }}
left join repaired on {{ same('repaired', 'differences', ['recording_id', 'royalty_month']) }}
where differences.streams <> 0 or differences.line_cents <> 0
