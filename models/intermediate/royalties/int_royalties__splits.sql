{{ config(day='royalty_month', unit='month',
    reads={'int_royalties__catalogue': 'day', 'int_royalties__split_spans': 'sliced'}) }}
-- The splits of a month's recordings, which go by their number here.
select
    catalogue.royalty_month,
    catalogue.recording_number,
    case when splits.problem is null then splits.rights_holder_id end as rights_holder_id,
    splits.problem,
    splits.share_millionths,
    splits.valid_from,
    splits.valid_to,
    splits.valid_from <= catalogue.royalty_month
    and coalesce(splits.valid_to >= {{ add_periods('catalogue.royalty_month', 1, 'month') }}, true) as holds_all_month
from {{ ref('int_royalties__catalogue') }} as catalogue
inner join {{ ref('int_royalties__split_spans') }} as splits
    on splits.recording_id = catalogue.recording_id
    and splits.valid_from < {{ add_periods('catalogue.royalty_month', 1, 'month') }}
    and (splits.valid_to is null or splits.valid_to > catalogue.royalty_month)
where {{ stale_days('catalogue.royalty_month') }}
