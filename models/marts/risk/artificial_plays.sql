{{ config(day='played_on', reads={'stg_nightshift__judgements': 'day'}) }}
-- What has been judged is a commitment; its newest verdict counts, so a reinstated play is no longer here.
with verdicts as (

    select
        *,
        row_number() over (
            partition by played_on, play_id
            order by judged_on desc, verdict desc, reason, _dump_id, _source_line
        ) as newest_first
    from {{ ref('stg_nightshift__judgements') }}
    where {{ stale_days('played_on') }}

)

select play_id, played_on, account_id, track_id, reason, rule_version, judged_on
from verdicts
where newest_first = 1 and verdict = 'artificial'
