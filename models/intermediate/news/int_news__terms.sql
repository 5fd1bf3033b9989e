{{ config(day='published_on', reads={'int_news__versions': 'day'}) }}

with articles as (
    select
        article_id,
        published_on,
        seen_hour,
        language,
        {{ news_text('title') }} as title_text,
        {{ news_text(address_path('url')) }} as url_text
    from {{ ref('int_news__versions') }}
    where version_number = 1 and {{ stale_days('published_on') }}
),

parts as (
    select
        article_id,
        published_on,
        seen_hour,
        language,
        false as is_url,
        {{ news_words('title_text') }} as words
    from articles
    union all
    -- the address often spells out what the title cuts short; the numbers in it mean nothing
    select
        article_id,
        published_on,
        seen_hour,
        'url' as language,
        true as is_url,
        {{ news_words('url_text') }} as words
    from articles
),

spelled as (
    select
        article_id,
        published_on,
        seen_hour,
        language,
        is_url,
        unnest(words) as word,
        generate_subscripts(words, 1) as place
    from parts
),

kept as (
    select
        spelled.article_id,
        spelled.published_on,
        spelled.seen_hour,
        spelled.is_url,
        row_number() over (partition by spelled.article_id, spelled.is_url order by spelled.place) as place,
        {{ news_stem('spelled.word', 'spelled.language') }} as term
    from spelled
    left join {{ ref('news_stop_words') }} as stops
        on spelled.word = stops.word and (spelled.language = stops.language or stops.language = 'en' and spelled.is_url)
    where stops.word is null and length(spelled.word) > case when spelled.is_url then 2 else 1 end
),

pairs as (
    select former.article_id, former.published_on, former.seen_hour, concat(former.term, ' ', latter.term) as term
    from kept as former
    inner join kept as latter
        on former.article_id = latter.article_id and latter.place = former.place + 1
    where not former.is_url and not latter.is_url
),

final as (
    select distinct article_id, published_on, seen_hour, term from kept
    union
    select article_id, published_on, seen_hour, term from pairs
)

select * from final
