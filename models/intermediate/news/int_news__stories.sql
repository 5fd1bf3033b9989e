{{ config(materialized='by_hour', hour='seen_hour', of='int_news__terms') }}

with recursive current_stories as (
    select article_id, arg_max(story_id, hour) as story_id
    from {{ this }}
    where hour >= {{ step_hour() }} - interval {{ var('story_reach_hours') }} hour and hour < {{ step_hour() }}
    group by article_id
),

-- what may still grow: the articles of this hour and the stories of the last days
recent as materialized (
    select terms.article_id, terms.term, terms.seen_hour, current_stories.story_id
    from {{ ref('int_news__terms') }} as terms
    left join current_stories on terms.article_id = current_stories.article_id
    where
        terms.seen_hour <= {{ step_hour() }}
        and terms.seen_hour > {{ step_hour() }} - interval {{ var('story_reach_hours') }} hour
),

-- A term tells stories apart if few hours know it, however many articles of one hour do. Whole numbers from here on:
-- what sums of fractions come to depends on their order.
spread as (
    select count(distinct seen_hour) as hours from recent
),

rarity as materialized (
    select
        recent.term,
        cast(round(1000 * ln((max(spread.hours) + 1.0) / count(distinct recent.seen_hour))) as bigint) as weight
    from recent
    cross join spread
    group by recent.term
    having count(*) > 1
),

said as (
    select
        recent.article_id,
        recent.seen_hour,
        recent.story_id,
        bit_xor(hash(recent.term)) as words,
        sqrt(cast(sum(rarity.weight * rarity.weight) as double)) as length
    from recent
    left join rarity on recent.term = rarity.term
    group by recent.article_id, recent.seen_hour, recent.story_id
),

-- new articles that say the very same are one from the start, however often an outlet repeats itself
articles as materialized (
    select
        article_id,
        seen_hour,
        length,
        coalesce(story_id, concat('new ', min(article_id) over (partition by words, story_id))) as unit
    from said
),

directions as materialized (
    select
        articles.unit,
        articles.seen_hour,
        recent.term,
        cast(round(1000000 * rarity.weight / articles.length) as bigint) as weight
    from recent
    inner join rarity on recent.term = rarity.term
    inner join articles on recent.article_id = articles.article_id
    where articles.length > 0
),

unit_terms as materialized (
    select
        unit,
        term,
        sum(cast(round(
            weight * pow(0.5, date_diff('hour', seen_hour, {{ step_hour() }}) / {{ var('story_half_life_hours') }})
        ) as bigint)) as weight
    from directions
    group by unit, term
),

-- how much articles share that have nothing to do with each other: those of the last hours and those long before
chance as (
    select
        term,
        sum(case when seen_hour > {{ step_hour() }} - interval 6 hour then weight else 0 end) as late,
        sum(case when seen_hour <= {{ step_hour() }} - interval 18 hour then weight else 0 end) as early
    from directions
    group by term
),

counts as (
    select
        count(*) filter (where seen_hour > {{ step_hour() }} - interval 6 hour) as late,
        count(*) filter (where seen_hour <= {{ step_hour() }} - interval 18 hour) as early
    from articles
),

-- a story needs so many times that much; where little is known yet, a usual value stands in
needed as materialized (
    select
        {{ var('story_evidence') }}
        * (
            (select coalesce(cast(sum(cast(chance.late as hugeint) * chance.early) as double), 0) from chance) / 1e12
            + {{ var('story_chance') }} * {{ var('story_chance_pairs') }}
        )
        / (late * early + {{ var('story_chance_pairs') }}) as link
    from counts
),

sizes as materialized (
    select unit, count(*) as articles, starts_with(unit, 'new ') as is_new
    from articles
    group by unit
),

term_units as (
    select term, count(*) as units
    from unit_terms
    group by term
),

-- terms of very many stories join nothing, and would cost the square of them
inverted as materialized (
    select unit_terms.unit, unit_terms.term, unit_terms.weight, sizes.is_new
    from unit_terms
    inner join sizes on unit_terms.unit = sizes.unit
    inner join term_units on unit_terms.term = term_units.term
    where term_units.units <= {{ var('story_term_reach') }}
),

pairs as materialized (
    select one.unit as one, other.unit as other, sum(cast(one.weight as hugeint) * other.weight) as shared
    from inverted as one
    inner join inverted as other on one.term = other.term and one.unit < other.unit
    where one.is_new or other.is_new
    group by one.unit, other.unit
),

-- Average linkage: in each round every two that are each other's best join, until nobody is left who shares enough.
merged as (
    select 0 as round, unit, unit as cluster, articles
    from sizes
    union all
    (
        with counted as (
            select cluster, sum(articles) as articles
            from merged
            group by cluster
        ),

        links as (
            select
                least(former.cluster, latter.cluster) as one,
                greatest(former.cluster, latter.cluster) as other,
                cast(sum(pairs.shared) as double) / 1e12 as shared
            from pairs
            inner join merged as former on pairs.one = former.unit
            inner join merged as latter on pairs.other = latter.unit
            where former.cluster <> latter.cluster
            group by least(former.cluster, latter.cluster), greatest(former.cluster, latter.cluster)
        ),

        strong as (
            select links.one, links.other, links.shared / (former.articles * latter.articles) as link
            from links
            inner join counted as former on links.one = former.cluster
            inner join counted as latter on links.other = latter.cluster
            where links.shared / (former.articles * latter.articles) >= (select needed.link from needed)
        ),

        both_ways as (
            select one as cluster, other as partner, link from strong
            union all
            select other as cluster, one as partner, link from strong
        ),

        best as (
            select cluster, partner
            from (
                select
                    cluster,
                    partner,
                    row_number() over (
                        partition by cluster
                        order by link desc, least(cluster, partner), greatest(cluster, partner)
                    ) as place
                from both_ways
            ) as ranked
            where place = 1
        ),

        mutual as (
            select former.cluster, least(former.cluster, former.partner) as joined
            from best as former
            inner join best as latter on former.partner = latter.cluster and former.cluster = latter.partner
        )

        select
            merged.round + 1 as round,
            merged.unit,
            coalesce(mutual.joined, merged.cluster) as cluster,
            merged.articles
        from merged
        left join mutual on merged.cluster = mutual.cluster
        where (select count(joining.cluster) from mutual as joining) > 0
    )
),

clusters as (
    select unit, cluster
    from merged
    where round = (select max(rounds.round) from merged as rounds)
),

-- of stories that become one the oldest gives its id; a new one is named by its hour and its first article
named as (
    select
        cluster,
        coalesce(
            min(case when not starts_with(unit, 'new ') then unit end),
            concat(strftime({{ step_hour() }}, '%Y%m%dT%H-'), substr(md5(min(unit)), 1, 8))
        ) as story_id
    from clusters
    group by cluster
),

decided as (
    select articles.article_id, articles.unit, named.story_id
    from articles
    inner join clusters on articles.unit = clusters.unit
    inner join named on clusters.cluster = named.cluster
    where articles.unit <> named.story_id
),

redirects as (
    select distinct unit, story_id
    from decided
    where not starts_with(unit, 'new ')
),

-- a story that went into another takes along its articles of long ago
followers as (
    select former.article_id, redirects.story_id, redirects.unit
    from {{ this }} as former
    inner join redirects on former.story_id = redirects.unit
    where former.hour < {{ step_hour() }} - interval {{ var('story_reach_hours') }} hour
),

final as (
    select
        {{ step_hour() }} as hour,
        article_id,
        story_id,
        case when not starts_with(unit, 'new ') then unit end as former_story_id
    from decided
    union
    select {{ step_hour() }} as hour, article_id, story_id, unit as former_story_id from followers
)

select * from final
