{{ campaign_audience() }}
with follows as (

    select account_id, artist_id, is_on
    from (
        select
            account_id,
            artist_id,
            is_on,
            row_number()
                over (partition by account_id, artist_id order by changed_at desc, follow_id desc)
                as newest_first
        from {{ ref('fct_follows') }}
    ) as words
    where newest_first = 1

),

blocked as (

    select account_id, item_id as artist_id
    from (
        select
            account_id,
            item_id,
            is_on,
            row_number() over (partition by account_id, item_id order by changed_at desc, block_id desc) as newest_first
        from {{ ref('fct_blocks') }}
        where item_kind = 'artist'
    ) as words
    where newest_first = 1 and is_on

),

released as (

    select
        releases.release_id,
        releases.artist_id,
        releases.title,
        releases.release_kind,
        releases.released_on,
        artists.name
    from {{ ref('dim_release') }} as releases
    inner join {{ campaign_days('new_releases') }} as days on days.day = releases.released_on
    inner join {{ ref('dim_artist') }} as artists on artists.artist_id = releases.artist_id
    where releases.removed_on is null

),

wanted as (

    select
        follows.account_id,
        released.*,
        row_number() over (
            partition by follows.account_id order by released.released_on desc, released.release_id
        ) as place,
        count(*) over (partition by follows.account_id) as releases
    from follows
    inner join released on released.artist_id = follows.artist_id
    left join blocked on blocked.account_id = follows.account_id and blocked.artist_id = follows.artist_id
    where follows.is_on and blocked.account_id is null

)

select
    account_id,
    {{ json_object_of({
        'count': 'max(releases)',
        'releases': json_list(json_object_of({
            'id': 'release_id', 'title': 'title', 'kind': 'release_kind', 'artist': 'name', 'released_on': 'released_on'
        }), order='place')
    }) }} as data_json
from wanted
where place <= 10
group by account_id
