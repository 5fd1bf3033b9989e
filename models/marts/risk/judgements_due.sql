{{ config(day='played_on', reads={
    'int_risk__suspicious_plays': 'day', 'stg_nightshift__judgements': 'day', 'fct_plays': 'day',
    'int_risk__appealed_days': 'day', 'dim_track_history': 'sliced'}) }}
-- Should be minus judged: a play is judged once, whatever the rules say of it later; an appeal takes that back once.
with verdicts as (

    select
        played_on,
        play_id,
        max(case when verdict = 'artificial' then 1 else 0 end) as was_judged,
        max(case when verdict = 'reinstated' then 1 else 0 end) as was_reinstated
    from {{ ref('stg_nightshift__judgements') }}
    where {{ stale_days('played_on') }}
    group by played_on, play_id

),

suspicious as (

    select * from {{ ref('int_risk__suspicious_plays') }}
    where {{ stale_days('played_on') }}

),

to_judge as (

    select
        suspicious.play_id,
        suspicious.played_on,
        'artificial' as verdict,
        suspicious.reason,
        cast(null as varchar) as appeal_id,
        suspicious.account_id,
        suspicious.track_id,
        suspicious.evidence_json
    from suspicious
    left join verdicts on verdicts.played_on = suspicious.played_on and verdicts.play_id = suspicious.play_id
    where verdicts.play_id is null

),

to_reinstate as (

    select
        plays.play_id,
        plays.played_on,
        'reinstated' as verdict,
        'appeal' as reason,
        max(appeals.appeal_id) as appeal_id,
        plays.account_id,
        plays.track_id,
        cast(null as varchar) as evidence_json
    from {{ ref('fct_plays') }} as plays
    inner join verdicts on verdicts.played_on = plays.played_on and verdicts.play_id = plays.play_id
    inner join {{ ref('dim_track_history') }} as tracks
        on tracks.track_id = plays.track_id
        and {{ valid_on('tracks', 'plays.played_on') }}
    inner join {{ ref('int_risk__appealed_days') }} as appeals
        on appeals.played_on = plays.played_on
        and appeals.artist_id = tracks.artist_id
        and (appeals.track_id is null or appeals.track_id = plays.track_id)
        and (appeals.account_id is null or appeals.account_id = plays.account_id)
    where
        {{ stale_days('plays.played_on') }}
        and verdicts.was_judged = 1
        and verdicts.was_reinstated = 0
    group by plays.play_id, plays.played_on, plays.account_id, plays.track_id

)

select * from to_judge
union all
select * from to_reinstate
