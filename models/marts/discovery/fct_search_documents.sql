{{ config(materialized='whole') }}
with documents as (

    select
        items.document_id,
        items.kind,
        items.item_id,
        items.title,
        items.names,
        items.text,
        coalesce(items.language, '') as language,
        titles.normal_text as title_normal,
        titles.plain_text as title_plain,
        names.plain_text as names_plain,
        texts.plain_text as text_plain,
        titles.content_text as title_words,
        names.content_text as names_words,
        texts.content_text as text_words,
        case when items.kind = 'article' then 'WW' else reach.territories end as territories,
        coalesce(reach.excluded_territories, '') as excluded_territories,
        coalesce(reach.popularity, 0) as popularity
    from {{ ref('int_discovery__search_items') }} as items
    inner join {{ ref('int_discovery__search_texts') }} as titles on titles.raw_text = items.title
    inner join {{ ref('int_discovery__search_texts') }} as names on names.raw_text = items.names
    inner join {{ ref('int_discovery__search_texts') }} as texts on texts.raw_text = items.text
    left join {{ ref('int_discovery__search_reach') }} as reach on reach.document_id = items.document_id
    where reach.document_id is not null or items.kind = 'article'

)

select
    *,
    md5(concat_ws(
        chr(31), title, names, text, language, title_normal, title_plain, names_plain, text_plain,
        title_words, names_words, text_words, territories, excluded_territories, popularity
    )) as content_hash
from documents
