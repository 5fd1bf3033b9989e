-- What is reported to artists as removed is what was judged artificial, month by month.
with reported as (

    select month, sum(streams_removed) as streams
    from {{ ref('rpt_artificial_streaming') }}
    group by month

),

judged as (

    select cast(date_trunc('month', judged.played_on) as date) as month, count(*) as streams
    from {{ ref('artificial_plays') }} as judged
    inner join {{ ref('fct_plays') }} as plays on plays.played_on = judged.played_on and plays.play_id = judged.play_id
    where plays.ms_played >= {{ var('stream_ms') }}
    group by cast(date_trunc('month', judged.played_on) as date)

)

select coalesce(reported.month, judged.month) as month, reported.streams as reported, judged.streams as judged
from reported
full outer join judged on judged.month = reported.month
where coalesce(reported.streams, 0) <> coalesce(judged.streams, 0)
