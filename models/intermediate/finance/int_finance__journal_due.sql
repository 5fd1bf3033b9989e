{{ config(day='occurred_on', reads={
    'int_finance__event_entries': 'day',
    'int_finance__revaluations': 'sliced',
    'stg_nightshift__journal_batches': 'day',
    'int_finance__closed_months': 'sliced'}) }}
-- What is due: the journal as it should be less what is posted. A posted entry is never edited: it is reversed, and
-- posted anew.
with posted as (

    select
        *,
        concat(event, ':', source_key, '@', replace(cast(occurred_on as {{ dbt.type_string() }}), '-', '')) as entry_key
    from {{ ref('stg_nightshift__journal_batches') }}
    where {{ stale_days('occurred_on') }}

),

expected as (

    select
        entry_key, event, source_table, source_key, occurred_on, description, plan_code, country, currency,
        exchange_rate, content_hash, line_number, account_code, amount, reporting_amount
    from {{ ref('int_finance__event_entries') }}
    where {{ stale_days('occurred_on') }}
    union all
    select
        entry_key, event, source_table, source_key, occurred_on, description, null as plan_code, null as country,
        currency, exchange_rate, content_hash, line_number, account_code, amount, reporting_amount
    from {{ ref('int_finance__revaluations') }}
    where {{ stale_days('occurred_on') }}

),

times_posted as (

    select entry_key, count(distinct journal_entry_id) as times
    from posted
    where reverses_entry_id is null
    group by entry_key

),

standing as (

    select posted.entry_key, posted.journal_entry_id, posted.content_hash
    from posted
    left join posted as reversals on reversals.reverses_entry_id = posted.journal_entry_id
    where posted.reverses_entry_id is null and reversals.journal_entry_id is null
    group by posted.entry_key, posted.journal_entry_id, posted.content_hash

),

settled_revaluations as (

    select expected_or_posted.entry_key
    from (
        select
            entry_key,
            source_key,
            occurred_on
        from expected
        where event = 'revaluation'
        union
        select
            entry_key,
            source_key,
            occurred_on
        from posted
        where event = 'revaluation'
    ) as expected_or_posted
    inner join {{ ref('int_finance__closed_months') }} as closed
        on substr(cast(closed.month as {{ dbt.type_string() }}), 1, 7) = substr(expected_or_posted.source_key, 1, 7)
        and expected_or_posted.occurred_on >= closed.valid_from
        and expected_or_posted.occurred_on < closed.valid_to

),

differing as (

    select
        coalesce(standing.entry_key, wanted.entry_key) as entry_key,
        standing.journal_entry_id as posted_entry_id,
        wanted.content_hash,
        coalesce(times_posted.times, 0) as times_posted
    from standing
    full outer join (select distinct entry_key, content_hash from expected) as wanted
        on wanted.entry_key = standing.entry_key
    left join times_posted on times_posted.entry_key = coalesce(standing.entry_key, wanted.entry_key)
    left join settled_revaluations on settled_revaluations.entry_key = coalesce(standing.entry_key, wanted.entry_key)
    where wanted.content_hash is distinct from standing.content_hash and settled_revaluations.entry_key is null

),

final as (

    select
        concat(posted.journal_entry_id, '~reversed') as journal_entry_id,
        posted.line_number,
        posted.occurred_on,
        posted.event,
        posted.source_table,
        posted.source_key,
        posted.account_code,
        posted.plan_code,
        posted.country,
        posted.currency,
        posted.credit_amount - posted.debit_amount as amount,
        posted.exchange_rate,
        posted.reporting_credit_amount - posted.reporting_debit_amount as reporting_amount,
        posted.journal_entry_id as reverses_entry_id,
        case
            when differing.content_hash is null then 'withdrawn at the source'
            else 'changed at the source'
        end as cause,
        concat('Reversal: ', posted.description) as description,
        posted.content_hash,
        posted.posted_on as not_before
    from differing
    inner join posted on posted.journal_entry_id = differing.posted_entry_id
    union all
    select
        case
            when differing.times_posted = 0 then expected.entry_key
            else concat(expected.entry_key, '~', cast(differing.times_posted + 1 as {{ dbt.type_string() }}))
        end as journal_entry_id,
        expected.line_number,
        expected.occurred_on,
        expected.event,
        expected.source_table,
        expected.source_key,
        expected.account_code,
        expected.plan_code,
        expected.country,
        expected.currency,
        expected.amount,
        expected.exchange_rate,
        expected.reporting_amount,
        null as reverses_entry_id,
        case when differing.times_posted > 0 then 'changed at the source' end as cause,
        expected.description,
        expected.content_hash,
        expected.occurred_on as not_before
    from differing
    inner join expected on expected.entry_key = differing.entry_key

)

select * from final
