{{ config(materialized='whole') }}
-- What one listener is not recommended, whatever it is worth: one select a rule.
with changes as (

    select
        *,
        row_number() over (
            partition by account_id, item_kind, item_id
            order by changed_at desc, block_id desc
        ) as newest_first
    from {{ ref('fct_blocks') }}

),

blocks as (

    select due.listener_no, changes.item_kind, changes.item_id
    from changes
    inner join {{ ref('int_discovery__due_listeners') }} as due on due.account_id = changes.account_id
    where changes.newest_first = 1 and changes.is_on

),

known as (

    select listener_no, track_no
    from {{ ref('int_discovery__histories') }}
    where is_known

),

blocked_track as (

    select blocks.listener_no, tracks.track_no
    from blocks
    inner join {{ ref('int_discovery__tracks') }} as tracks on tracks.track_id = blocks.item_id
    where blocks.item_kind = 'track'

),

blocked_artist as (

    select blocks.listener_no, tracks.track_no
    from blocks
    inner join {{ ref('int_discovery__tracks') }} as tracks on tracks.artist_id = blocks.item_id
    where blocks.item_kind = 'artist'

)

select listener_no, track_no from known
union
select listener_no, track_no from blocked_track
union
select listener_no, track_no from blocked_artist
