{{ config(day='occurred_on', reads={
    'int_finance__event_entries': 'day',
    'int_finance__revaluations': 'sliced',
    'stg_nightshift__journal_batches': 'day',
    'int_finance__closed_months': 'sliced'}) }}
-- Which entries are due: those that are not posted as they should be, by their hash. What a revaluation of a month that
-- is closed should be is no longer asked.
with posted as (

    select
        concat(event, ':', source_key, '@', replace(cast(occurred_on as {{ dbt.type_string() }}), '-', ''))
            as entry_key,
        journal_entry_id,
        reverses_entry_id,
        event,
        source_key,
        occurred_on,
        content_hash
    from {{ ref('stg_nightshift__journal_batches') }}
    where {{ stale_days('occurred_on') }}

),

expected as (

    select entry_key, event, source_key, occurred_on, content_hash
    from {{ ref('int_finance__event_entries') }}
    where {{ stale_days('occurred_on') }}
    union
    select entry_key, event, source_key, occurred_on, content_hash
    from {{ ref('int_finance__revaluations') }}
    where {{ stale_days('occurred_on') }}

),

times_posted as (

    select entry_key, count(distinct journal_entry_id) as times
    from posted
    where reverses_entry_id is null
    group by entry_key

),

-- Posted and not reversed: at most one entry for a key.
standing as (

    select distinct posted.entry_key, posted.occurred_on, posted.journal_entry_id, posted.content_hash
    from posted
    left join posted as reversals on reversals.reverses_entry_id = posted.journal_entry_id
    where posted.reverses_entry_id is null and reversals.journal_entry_id is null

),

revaluations as (

    select entry_key, source_key, occurred_on
    from expected
    where event = 'revaluation'
    union
    select entry_key, source_key, occurred_on
    from posted
    where event = 'revaluation'

),

settled_revaluations as (

    select revaluations.entry_key
    from revaluations
    inner join {{ ref('int_finance__closed_months') }} as closed
        on substr(cast(closed.month as {{ dbt.type_string() }}), 1, 7) = substr(revaluations.source_key, 1, 7)
        and revaluations.occurred_on >= closed.valid_from
        and revaluations.occurred_on < closed.valid_to

),

final as (

    select
        coalesce(standing.entry_key, expected.entry_key) as entry_key,
        coalesce(standing.occurred_on, expected.occurred_on) as occurred_on,
        standing.journal_entry_id as posted_entry_id,
        expected.content_hash,
        coalesce(times_posted.times, 0) as times_posted
    from standing
    full outer join expected on expected.entry_key = standing.entry_key
    left join times_posted on times_posted.entry_key = coalesce(standing.entry_key, expected.entry_key)
    left join settled_revaluations on settled_revaluations.entry_key = coalesce(standing.entry_key, expected.entry_key)
    where expected.content_hash is distinct from standing.content_hash and settled_revaluations.entry_key is null

)

select * from final
