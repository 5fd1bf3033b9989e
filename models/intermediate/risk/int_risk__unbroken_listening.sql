{{ config(day='played_on', reads={'fct_plays': 'day'}) }}
-- How long an account hears without half an hour of silence: people sleep and work.
with in_order as (

    select
        played_on,
        account_id,
        play_id,
        epoch_ms(played_at) as began,
        epoch_ms(played_at) + ms_played as ended,
        max(epoch_ms(played_at) + ms_played) over (
            partition by played_on, account_id
            order by played_at, play_id
            rows between unbounded preceding and 1 preceding
        ) as ended_before
    from {{ ref('fct_plays') }}
    where {{ stale_days('played_on') }}

),

stretches as (

    select
        played_on,
        account_id,
        began,
        ended,
        count(case when ended_before is null or began > ended_before + 1800000 then 1 end) over (
            partition by played_on, account_id
            order by began, play_id
            rows between unbounded preceding and current row
        ) as stretch
    from in_order

),

lengths as (

    select
        played_on,
        account_id,
        stretch,
        max(ended) - min(began) as ms
    from stretches
    group by played_on, account_id, stretch

)

select
    played_on,
    account_id,
    cast(max(ms) as bigint) as ms_without_break
from lengths
group by played_on, account_id
