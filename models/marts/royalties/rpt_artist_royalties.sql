{{ config(day='royalty_month', unit='month', reads={
    'fct_allocations': 'day', 'dim_track_history': 'sliced', 'dim_artist_history': 'sliced',
    'dim_exchange_rate': 'sliced',
}) }}
-- A recording that several artists' tracks are counts for the first of them; names are those of the month's last day.
with earned as (

    select
        royalty_month,
        {{ add_periods(add_periods('royalty_month', 1, 'month'), -1, 'day') }} as last_on,
        recording_id,
        currency,
        sum(case when allocation_method = 'pro_rata' then amount else 0 end) as pro_rata_amount,
        sum(case when allocation_method = 'user_centric' then amount else 0 end) as user_centric_amount
    from {{ ref('fct_allocations') }}
    where {{ stale_days('royalty_month') }}
    group by royalty_month, recording_id, currency

),

performers as (

    select months.last_on, tracks.recording_id, min(tracks.artist_id) as artist_id
    from (select distinct last_on from earned) as months
    inner join {{ ref('dim_track_history') }} as tracks on {{ valid_on('tracks', 'months.last_on') }}
    group by months.last_on, tracks.recording_id

),

by_artist as (

    select
        earned.royalty_month,
        earned.last_on,
        coalesce(performers.artist_id, 'unknown') as artist_id,
        earned.currency,
        sum(earned.pro_rata_amount) as pro_rata_amount,
        sum(earned.user_centric_amount) as user_centric_amount
    from earned
    left join performers
        on performers.last_on = earned.last_on
        and performers.recording_id = earned.recording_id
    group by earned.royalty_month, earned.last_on, coalesce(performers.artist_id, 'unknown'), earned.currency

),

in_euro as (

    select
        by_artist.royalty_month,
        by_artist.last_on,
        by_artist.artist_id,
        sum({{ euro_cents('by_artist.pro_rata_amount', 'rates') }}) as pro_rata_cents,
        sum({{ euro_cents('by_artist.user_centric_amount', 'rates') }}) as user_centric_cents
    from by_artist
    inner join {{ ref('dim_exchange_rate') }} as rates
        on rates.currency = by_artist.currency
        and {{ valid_on('rates', 'by_artist.last_on') }}
    group by by_artist.royalty_month, by_artist.last_on, by_artist.artist_id

)

select
    in_euro.royalty_month,
    in_euro.artist_id,
    artists.name as artist_name,
    {{ from_cents('in_euro.pro_rata_cents') }} as pro_rata_eur,
    {{ from_cents('in_euro.user_centric_cents') }} as user_centric_eur,
    {{ from_cents('in_euro.user_centric_cents - in_euro.pro_rata_cents') }} as user_centric_gain_eur
from in_euro
left join {{ ref('dim_artist_history') }} as artists
    on artists.artist_id = in_euro.artist_id
    and {{ valid_on('artists', 'in_euro.last_on') }}
