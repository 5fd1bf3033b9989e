with stories as (
    select
        stories.*,
        leads.article_id,
        leads.title,
        leads.url,
        leads.outlet,
        leads.section,
        leads.language,
        leads.published_at,
        leads.correction_title,
        leads.correction_url,
        greatest(date_diff('second', stories.newest_at, {{ edition_hour() }} + interval 1 hour), 0) / 3600.0 as age_hours
    from {{ ref('int_news__edition_stories') }} as stories
    inner join {{ ref('int_news__story_leads') }} as leads
        on stories.edition = leads.edition and stories.story_id = leads.story_id
),

formula as (
    select max(formula) as formula from {{ ref('headline_ranking') }} where is_used
),

scored as (
    select
        stories.*,
        formula.formula,
        case formula.formula
            when 'hacker_news' then
                (stories.outlets + stories.read - 1)
                / pow(stories.age_hours + {{ ranking('hacker_news', "'offset_hours'") }}, {{ ranking('hacker_news', "'gravity'") }})
            -- seconds since the day from which Reddit counts
            when 'reddit_hot' then
                log10(greatest(stories.outlets + stories.read, 1))
                + date_diff('second', timestamp '2005-12-08 07:46:43', stories.newest_at)
                / {{ ranking('reddit_hot', "'seconds_for_tenfold'") }}
            else
                (
                    {{ ranking('nightshift', "'outlet_weight'") }} * log2(1 + stories.outlets)
                    + {{ ranking('nightshift', "'interest_weight'") }} * stories.interest
                    + {{ ranking('nightshift', "'local_weight'") }} * log2(1 + stories.local_outlets)
                )
                * pow(0.5, stories.age_hours / {{ ranking('nightshift', "'half_life_hours'") }})
        end as raw_score
    from stories
    cross join formula
),

weights as (
    select replace(parameter, 'section ', '') as section, value as weight
    from {{ ref('headline_ranking') }}
    where formula = 'nightshift' and parameter like 'section %'
),

final as (
    select
        scored.* exclude (raw_score),
        cast(round(scored.raw_score * case when scored.formula = 'nightshift' then coalesce(weights.weight, 1) else 1 end, 6) as decimal(18, 6)) as score,
        exists (
            select 1
            from {{ ref('int_news__overrides') }} as pins
            inner join {{ ref('int_news__article_stories') }} as pinned on pins.article_id = pinned.article_id
            where
                pins.action = 'pin'
                and pinned.story_id = scored.story_id
                and (pins.expires_at is null or pins.expires_at > {{ edition_hour() }})
                and (pins.country is null or pins.country = scored.edition)
        ) as is_pinned
    from scored
    left join weights on scored.section = weights.section
)

select * from final
