-- An event that no rule of seeds/posting_rules.csv posts would be money that the books do not see.
select events.event, events.source_table, events.source_key, events.occurred_on
from {{ ref('int_finance__events') }} as events
left join {{ ref('int_finance__postings') }} as postings
    on postings.occurred_on = events.occurred_on
    and postings.event = events.event
    and postings.source_key = events.source_key
where
    {{ changed_days('int_finance__postings', 'events.occurred_on') }}
    and postings.event is null
    and (
        coalesce(events.total_amount, 0) <> 0 or coalesce(events.earned_amount, 0) <> 0
        or coalesce(events.exchange_amount, 0) <> 0 or coalesce(events.fee_amount, 0) <> 0
    )
