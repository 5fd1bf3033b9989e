{{ config(day='occurred_on', reads={
    'int_finance__entries_due': 'day',
    'int_finance__event_entries': 'day',
    'int_finance__revaluations': 'sliced',
    'stg_nightshift__journal_batches': 'day'}) }}
-- What is due, line by line: the journal as it should be less what is posted. A posted entry is never edited: it is
-- reversed, and posted anew.
with due as (

    select *
    from {{ ref('int_finance__entries_due') }}
    where {{ stale_days('occurred_on') }}

),

posted as (

    select *
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
            when due.content_hash is null then 'withdrawn at the source'
            else 'changed at the source'
        end as cause,
        concat('Reversal: ', posted.description) as description,
        posted.content_hash,
        posted.posted_on as not_before
    from due
    inner join posted on posted.journal_entry_id = due.posted_entry_id
    union all
    select
        case
            when due.times_posted = 0 then expected.entry_key
            else concat(expected.entry_key, '~', cast(due.times_posted + 1 as {{ dbt.type_string() }}))
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
        case when due.times_posted > 0 then 'changed at the source' end as cause,
        expected.description,
        expected.content_hash,
        expected.occurred_on as not_before
    from due
    inner join expected on expected.entry_key = due.entry_key

)

select * from final
