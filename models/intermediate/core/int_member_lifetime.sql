{{ config(day='month', unit='month', reads={'int_member_listening_daily': 'day', 'self': 'previous'}) }}
-- A month's row holds everything up to its end: the row of the month before and the month's own days. Nobody has to
-- read older days again.
with this_month as (

    select
        cast(date_trunc('month', played_on) as date) as month,
        account_id,
        min(played_on) as first_played_on,
        max(played_on) as last_played_on,
        count(distinct played_on) as active_days,
        cast(sum(plays) as bigint) as plays,
        cast(sum(streams) as bigint) as streams,
        cast(sum(ms_played) as bigint) as ms_played
    from {{ ref('int_member_listening_daily') }}
    where {{ stale_days('played_on') }}
    group by cast(date_trunc('month', played_on) as date), account_id

),

months as (

    select distinct month from this_month

),

until_then as (

    select
        months.month,
        before.account_id,
        before.first_played_on,
        before.last_played_on,
        before.active_days,
        before.plays,
        before.streams,
        before.ms_played
    from months
    inner join {{ this }} as before on before.month = {{ add_periods('months.month', -1, 'month') }}

)

select
    coalesce(this_month.month, until_then.month) as month,
    coalesce(this_month.account_id, until_then.account_id) as account_id,
    coalesce(until_then.first_played_on, this_month.first_played_on) as first_played_on,
    coalesce(this_month.last_played_on, until_then.last_played_on) as last_played_on,
    coalesce(this_month.active_days, 0) + coalesce(until_then.active_days, 0) as active_days,
    coalesce(this_month.plays, 0) + coalesce(until_then.plays, 0) as plays,
    coalesce(this_month.streams, 0) + coalesce(until_then.streams, 0) as streams,
    coalesce(this_month.ms_played, 0) + coalesce(until_then.ms_played, 0) as ms_played
from this_month
full outer join until_then on until_then.month = this_month.month and until_then.account_id = this_month.account_id
