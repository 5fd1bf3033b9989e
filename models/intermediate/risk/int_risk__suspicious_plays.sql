{{ config(day='played_on', reads={
    'fct_plays': 'day', 'int_risk__account_listening': 'day', 'int_risk__network_listening': 'day',
    'int_risk__place_listening': 'day', 'int_risk__pushed_tracks': 'day'}) }}
{%- set limit = rule_threshold %}
-- What the rules say of each play as things stand today; it becomes a judgement once, by ./nightshift judge.
with plays as (

    select
        play_id,
        played_on,
        account_id,
        track_id,
        device_id,
        coalesce(network_prefix, '') as network_prefix
    from {{ ref('fct_plays') }}
    where {{ stale_days('played_on') }}

),

listening as (

    select * from {{ ref('int_risk__account_listening') }}
    where {{ stale_days('played_on') }}

),

on_network as (

    select * from {{ ref('int_risk__network_listening') }}
    where {{ stale_days('played_on') }}

),

repeated as (

    select
        pushed.played_on,
        pushed.track_id,
        plays.account_id,
        max(pushed.repeating_accounts) as repeating_accounts,
        max(100 * pushed.streams_of_top_country // pushed.streams) as percent_from_one_country,
        max(pushed.tracks_in_common) as tracks_in_common,
        count(*) as plays
    from {{ ref('int_risk__pushed_tracks') }} as pushed
    inner join plays on plays.played_on = pushed.played_on and plays.track_id = pushed.track_id
    where {{ stale_days('pushed.played_on') }}
    group by pushed.played_on, pushed.track_id, plays.account_id

),

judged as (

    select
        plays.play_id,
        plays.played_on,
        plays.account_id,
        plays.track_id,
        case
            when
                on_network.streams_in_step >= {{ limit('in_step', 'streams') }}
                and on_network.streams_in_step >= {{ limit('in_step', 'share') }} * on_network.streams then 'in_step'
            when
                listening.networks >= {{ limit('everywhere', 'networks') }}
                and listening.devices >= {{ limit('everywhere', 'devices') }} then 'everywhere'
            when
                listening.ms_heard >= {{ limit('no_sleep', 'hours') }} * 3600000
                and listening.repeated_plays >= {{ limit('no_sleep', 'repeated_share') }} * listening.plays
                and listening.plays_of_favourite <= {{ limit('no_sleep', 'favourite_share') }} * listening.plays
                then 'no_sleep'
            when
                on_network.streams >= {{ limit('just_paid', 'streams') }}
                and on_network.short_streams >= {{ limit('just_paid', 'short_share') }} * on_network.streams
                then 'just_paid'
            when on_device.accounts is not null or on_address.accounts is not null then 'same_place'
            when repeated.plays >= {{ limit('pushed_track', 'plays_each') }} then 'pushed_track'
        end as reason,
        concat(
            '{"account_plays": ', listening.plays,
            ', "accounts_at_place": ', coalesce(on_device.accounts, on_address.accounts, 0),
            ', "devices": ', listening.devices, ', "networks": ', listening.networks,
            ', "hours_heard": ', cast(cast(listening.ms_heard / 3600000.0 as decimal(9, 2)) as varchar),
            ', "hours_without_break": ',
            cast(cast(listening.ms_without_break / 3600000.0 as decimal(9, 2)) as varchar),
            ', "in_step": ', coalesce(on_network.streams_in_step, 0),
            ', "listeners_repeating": ', coalesce(repeated.repeating_accounts, 0),
            ', "listeners_tracks_in_common": ', coalesce(repeated.tracks_in_common, 0),
            ', "percent_from_one_country": ', coalesce(repeated.percent_from_one_country, 0),
            ', "repeated_plays": ', listening.repeated_plays,
            ', "short_streams": ', coalesce(on_network.short_streams, 0),
            ', "streams_on_network": ', coalesce(on_network.streams, 0),
            ', "track_entropy": ', listening.track_entropy, ', "tracks": ', listening.tracks, '}'
        ) as evidence_json
    from plays
    inner join listening on listening.played_on = plays.played_on and listening.account_id = plays.account_id
    left join on_network
        on on_network.played_on = plays.played_on
        and on_network.account_id = plays.account_id
        and on_network.network_prefix = plays.network_prefix
    left join {{ ref('int_risk__place_listening') }} as on_device
        on on_device.played_on = plays.played_on
        and {{ stale_days('on_device.played_on') }}
        and on_device.kind = 'device'
        and on_device.place = plays.device_id
        and on_device.track_id = plays.track_id
    left join {{ ref('int_risk__place_listening') }} as on_address
        on on_address.played_on = plays.played_on
        and {{ stale_days('on_address.played_on') }}
        and on_address.kind = 'network'
        and on_address.place = plays.network_prefix
        and on_address.track_id = plays.track_id
    left join repeated
        on repeated.played_on = plays.played_on
        and repeated.track_id = plays.track_id
        and repeated.account_id = plays.account_id

)

select * from judged
where reason is not null
