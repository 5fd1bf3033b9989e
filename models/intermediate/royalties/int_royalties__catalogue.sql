{{ config(day='royalty_month', unit='month',
    reads={'int_royalties__subscribers': 'day', 'int_royalties__recordings': 'sliced'}) }}
-- What could be heard in a month. Between the steps a recording goes by its number, as a pool does: there is a row for
-- every few plays.
with months as (

    select
        royalty_month,
        {{ add_periods('royalty_month', 1, 'month') }} as next_month
    from {{ ref('int_royalties__subscribers') }}
    where {{ stale_days('royalty_month') }}
    group by royalty_month

),

recordings as (

    select distinct
        months.royalty_month,
        recordings.recording_id,
        recordings.licensor_id
    from months
    inner join {{ ref('int_royalties__recordings') }} as recordings on recordings.valid_from < months.next_month

)

select
    royalty_month,
    cast(row_number() over (partition by royalty_month order by recording_id, licensor_id) as integer)
        as recording_number,
    recording_id,
    licensor_id
from recordings
