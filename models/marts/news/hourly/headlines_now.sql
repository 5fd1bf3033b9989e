-- the same address once, a section at most so often; both by score, so that what stays is the best of them
with unrepeated as (
    select
        *,
        row_number() over (partition by edition, url order by is_pinned desc, score desc, story_id) as of_address
    from {{ ref('int_news__scores') }}
),

of_sections as (
    select
        *,
        row_number() over (partition by edition, section order by is_pinned desc, score desc, story_id) as of_section
    from unrepeated
    where of_address = 1
),

of_outlets as (
    select
        *,
        row_number() over (partition by edition, outlet order by is_pinned desc, score desc, story_id) as of_outlet
    from of_sections
    where of_section <= {{ var('headlines_a_section') }}
),

-- on top every outlet once: the best of each, then all others in their order
top as (
    select
        *,
        row_number() over (
            partition by edition
            order by case when of_outlet = 1 then 0 else 1 end, is_pinned desc, score desc, story_id
        ) as place,
        count(*) filter (where of_outlet = 1) over (partition by edition) as outlets_there
    from of_outlets
),

ordered as (
    select
        *,
        row_number() over (
            partition by edition
            order by
                case when place <= {{ var('headlines_on_top') }} and of_outlet = 1 then 0 else 1 end,
                is_pinned desc,
                score desc,
                story_id
        ) as position
    from top
),

final as (
    select
        edition,
        {{ edition_hour() }} as edition_at,
        cast(position as integer) as rank,
        story_id,
        article_id,
        title,
        url,
        outlet,
        section,
        language,
        concat(
            case when is_pinned then 'pinned by an editor; ' else '' end,
            outlets, case when outlets = 1 then ' outlet' else ' outlets' end,
            case when countries > 1 then concat(' in ', countries, ' countries') else '' end,
            case
                when edition <> 'world' and local_outlets > 0 then concat(', ', local_outlets, ' from here') else ''
            end,
            case when shown > 0 then concat(', read by ', read, ' of ', shown, ' who saw it') else '' end,
            ', newest report ',
            case
                when age_hours < 1 then 'within the hour' else concat(cast(floor(age_hours) as integer), ' h old')
            end
        ) as reason_text,
        cast(outlets as integer) as outlets,
        published_at,
        score,
        formula,
        is_pinned,
        correction_title,
        correction_url
    from ordered
    -- where fewer outlets are there than places on top, the edition ends with them
    where outlets_there >= {{ var('headlines_on_top') }} or of_outlet = 1
)

select * from final
