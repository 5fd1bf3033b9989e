{{ config(day='edition_on', reads={'nightshift.editions': 'day'}) }}

with copies as (
    select
        edition,
        published_at,
        published_on,
        rank,
        story_id,
        article_id,
        title,
        url,
        outlet,
        section,
        outlets,
        score,
        reason_text,
        row_number() over (
            partition by edition, published_at, rank order by _arrived_on desc, _dump_id, _source_line
        ) as copy_number
    from {{ ref('stg_nightshift__editions') }}
    where {{ stale_days('published_on') }}
),

final as (
    select
        edition,
        published_at as edition_at,
        published_on as edition_on,
        rank,
        story_id,
        article_id,
        title,
        url,
        outlet,
        section,
        reason_text,
        outlets,
        score
    from copies
    where copy_number = 1
)

select * from final
