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

-- A story needs so many times that much; where little is known yet, a usual value stands in, and nothing less than
-- that: articles that have no word in common with those before them would else join at a nod.
needed as materialized (
    select
        {{ var('story_evidence') }}
        * greatest(
            {{ var('story_chance') }},
            (
                (select coalesce(cast(sum(cast(chance.late as hugeint) * chance.early) as double), 0) from chance)
                / 1e12
                + {{ var('story_chance') }} * {{ var('story_chance_pairs') }}
            )
            / (late * early + {{ var('story_chance_pairs') }})
        ) as link
    from counts
),

sizes as materialized (
    select
        unit,
        count(*) as articles,
        starts_with(unit, 'new ') as is_new,
        cast(row_number() over (order by unit) as integer) as number
    from articles
    group by unit
),

term_units as (
    select term, count(*) as units, cast(row_number() over (order by term) as integer) as number
    from unit_terms
    group by term
),

-- terms of very many stories join nothing, and would cost the square of them
inverted as materialized (
    select sizes.number, term_units.number as term, unit_terms.weight, sizes.is_new, sizes.articles
    from unit_terms
    inner join sizes on unit_terms.unit = sizes.unit
    inner join term_units on unit_terms.term = term_units.term
    where term_units.units <= {{ var('story_term_reach') }}
),

pairs as materialized (
    select
        one.number as one,
        other.number as other,
        sum(cast(one.weight as hugeint) * other.weight) as shared,
        min(one.articles) as one_articles,
        min(other.articles) as other_articles
    from inverted as one
    inner join inverted as other on one.term = other.term and one.number < other.number
    where one.is_new or other.is_new
    group by one.number, other.number
),

-- Average linkage: in each round every two that are each other's best join, until nobody is left who shares enough.
-- A row is a link between two clusters, or (without shared) says where a unit is. Who shares enough with nobody never
-- will, because what comes of joining others is between what they shared; so its links are left out.
merged as (
    select 0 as round, one, other, shared, one_articles, other_articles
    from pairs
    union all
    select 0 as round, number as one, number as other, null as shared, null as one_articles, null as other_articles
    from sizes
    union all
    (
        with strong as (
            select
                one,
                other,
                one_articles,
                other_articles,
                cast(shared as double) / (one_articles * other_articles) as link
            from merged
            where cast(shared as double) / (one_articles * other_articles) >= (select 1e12 * needed.link from needed)
        ),

        both_ways as (
            select one as cluster, other as partner, one_articles + other_articles as articles, link from strong
            union all
            select other as cluster, one as partner, one_articles + other_articles as articles, link from strong
        ),

        best as (
            select
                cluster,
                partner,
                articles,
                row_number() over (
                    partition by cluster
                    order by link desc, least(cluster, partner), greatest(cluster, partner)
                ) as place
            from both_ways
        ),

        mutual as (
            select former.cluster, least(former.cluster, former.partner) as joined, former.articles
            from best as former
            inner join best as latter on former.partner = latter.cluster and former.cluster = latter.partner
            where former.place = 1 and latter.place = 1
        ),

        alive as (
            select cluster
            from best
            where place = 1
        ),

        moved as (
            select
                merged.shared,
                coalesce(of_one.joined, merged.one) as one,
                coalesce(of_other.joined, merged.other) as other,
                coalesce(of_one.articles, merged.one_articles) as one_articles,
                coalesce(of_other.articles, merged.other_articles) as other_articles
            from merged
            inner join alive as one_alive on merged.one = one_alive.cluster
            inner join alive as other_alive on merged.other = other_alive.cluster
            left join mutual as of_one on merged.one = of_one.cluster
            left join mutual as of_other on merged.other = of_other.cluster
            where merged.shared is not null
        ),

        links as (
            select
                least(one, other) as one,
                greatest(one, other) as other,
                sum(shared) as shared,
                max(case when one < other then one_articles else other_articles end) as one_articles,
                max(case when one < other then other_articles else one_articles end) as other_articles
            from moved
            where one <> other
            group by least(one, other), greatest(one, other)
        ),

        places as (
            select merged.one, coalesce(mutual.joined, merged.other) as other
            from merged
            left join mutual on merged.other = mutual.cluster
            where merged.shared is null
        ),

        following as (
            select one, other, shared, one_articles, other_articles from links
            union all
            select one, other, null as shared, null as one_articles, null as other_articles from places
        ),

        rounds as (
            select max(round) + 1 as round from merged
        )

        select
            rounds.round,
            following.one,
            following.other,
            following.shared,
            following.one_articles,
            following.other_articles
        from following
        cross join rounds
        where (select count(joining.cluster) from mutual as joining) > 0
    )
),

clusters as (
    select sizes.unit, merged.other as cluster
    from merged
    inner join sizes on merged.one = sizes.number
    where merged.shared is null and merged.round = (select max(rounds.round) from merged as rounds)
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

-- a story that went into another takes along its articles of long ago; its name says since when it is there
followers as (
    select former.article_id, redirects.story_id, redirects.unit
    from {{ this }} as former
    inner join redirects on former.story_id = redirects.unit
    where
        former.hour < {{ step_hour() }} - interval {{ var('story_reach_hours') }} hour
        and former.hour >= (select min(strptime(left(earlier.unit, 11), '%Y%m%dT%H')) from redirects as earlier)
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
