{{ config(materialized='whole') }}
-- Who shares a recording, span by span between any two days on which something changes, and what is wrong with it.
with recordings as (

    select recording_id, max(case when isrc is not null then 1 else 0 end) = 0 as has_no_isrc
    from {{ ref('dim_track') }}
    group by recording_id

),

edges as (

    select recording_id, valid_from as edge
    from {{ ref('dim_split') }}
    union
    select recording_id, valid_to as edge
    from {{ ref('dim_split') }}
    where valid_to is not null

),

spans as (

    select recording_id, edge as span_from, lead(edge) over (partition by recording_id order by edge) as span_to
    from edges

),

shares as (

    select
        spans.recording_id,
        spans.span_from,
        spans.span_to,
        splits.rights_holder_id,
        cast(sum(cast(splits.share * 1000000 as bigint)) as bigint) as share_millionths
    from spans
    inner join {{ ref('dim_split') }} as splits
        on splits.recording_id = spans.recording_id
        and {{ valid_on('splits', 'spans.span_from') }}
    group by spans.recording_id, spans.span_from, spans.span_to, splits.rights_holder_id

),

judged as (

    select
        shares.recording_id,
        shares.span_from,
        shares.span_to,
        shares.rights_holder_id,
        shares.share_millionths,
        sum(shares.share_millionths) over (partition by shares.recording_id, shares.span_from) as total_millionths,
        coalesce(recordings.has_no_isrc, true) as has_no_isrc,
        holders.rights_holder_id is null as is_unknown
    from shares
    left join recordings on recordings.recording_id = shares.recording_id
    left join {{ ref('dim_rights_holder') }} as holders on holders.rights_holder_id = shares.rights_holder_id

)

-- A recording whose shares do not make a whole is nobody's; of one with an unknown holder only that share is.
select
    recording_id,
    span_from,
    cast(null as {{ dbt.type_string() }}) as rights_holder_id,
    cast(1000000 as bigint) as share_millionths,
    case
        when max(total_millionths) <> 1000000
            then concat(
                'splits add up to ',
                cast(
                    cast(max(total_millionths) as decimal(18, 0)) * cast(0.0001 as decimal(4, 4))
                    as {{ dbt.type_string() }}
                ),
                '%'
            )
        else 'no ISRC'
    end as problem,
    span_from as valid_from,
    max(span_to) as valid_to
from judged
where total_millionths <> 1000000 or has_no_isrc
group by recording_id, span_from
union all
select
    recording_id,
    span_from,
    rights_holder_id,
    share_millionths,
    case when is_unknown then concat('unknown holder ', rights_holder_id) end as problem,
    span_from as valid_from,
    span_to as valid_to
from judged
where total_millionths = 1000000 and not has_no_isrc
