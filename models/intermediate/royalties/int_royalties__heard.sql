{{ config(day='royalty_month', unit='month',
    reads={
        'int_royalties__recording_values': 'day', 'int_royalties__audiences': 'day', 'int_royalties__catalogue': 'day'
    }) }}
-- What was heard of each licensor, by those who pay in one currency; without licensor for tracks the catalogue lacks.
select
    audiences.royalty_month,
    audiences.territory,
    audiences.plan_code,
    catalogue.licensor_id,
    audiences.currency,
    cast(sum(heard.streams) as bigint) as streams,
    cast(sum(heard.paid_streams) as bigint) as paid_streams,
    {{ wide('sum(heard.stream_value)') }} as stream_value,
    {{ wide('sum(heard.paid_stream_value)') }} as paid_stream_value
from {{ ref('int_royalties__recording_values') }} as heard
inner join {{ ref('int_royalties__audiences') }} as audiences
    on {{ same('audiences', 'heard', ['royalty_month', 'audience_number']) }}
left join {{ ref('int_royalties__catalogue') }} as catalogue
    on {{ same('catalogue', 'heard', ['royalty_month', 'recording_number']) }}
    and {{ stale_days('catalogue.royalty_month') }}
where {{ stale_days('heard.royalty_month') }} and {{ stale_days('audiences.royalty_month') }}
group by
    audiences.royalty_month, audiences.territory, audiences.plan_code, catalogue.licensor_id, audiences.currency
