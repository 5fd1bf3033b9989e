with numbered as (
    select
        override_id,
        action,
        article_id,
        other_article_id,
        country,
        expires_at,
        decided_at,
        row_number() over (
            partition by override_id order by decided_at desc, _arrived_on desc, _dump_id, _source_line
        ) as copy_number
    from {{ ref('stg_editorial__headline_overrides') }}
    where decided_at < {{ edition_hour() }} + interval 1 hour
),

final as (
    select override_id, action, article_id, other_article_id, country, expires_at, decided_at
    from numbered
    where copy_number = 1
)

select * from final
