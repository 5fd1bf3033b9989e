{{ config(day='published_on', reads={'newsroom.articles': 'day'}) }}

with copies as (
    select
        article_id,
        outlet,
        case when length(title) > 500 then concat(left(title, 499), '…') else title end as title,
        left(lead, 2000) as lead,
        language,
        country,
        section,
        url,
        published_at,
        published_on,
        updated_at,
        correction_of,
        is_retracted,
        row_number() over (
            partition by article_id, updated_at
            order by is_retracted desc, _arrived_on desc, _dump_id, _source_file, _source_line
        ) as copy_number
    from {{ ref('stg_newsroom__articles') }}
    where {{ stale_days('published_on') }}
),

final as (
    select
        article_id,
        outlet,
        title,
        lead,
        language,
        country,
        section,
        url,
        published_on,
        updated_at,
        correction_of,
        is_retracted,
        -- nothing is older news than its first version: an article dated tomorrow is of the hour it came in
        least(published_at, min(updated_at) over (partition by article_id)) as published_at,
        date_trunc('hour', min(updated_at) over (partition by article_id)) as seen_hour,
        row_number() over (partition by article_id order by updated_at) as version_number
    from copies
    where copy_number = 1
)

select * from final
