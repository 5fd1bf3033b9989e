{{ config(day='occurred_on', reads={
    'stg_nightshift__journal_batches': 'day',
    'int_finance__journal_due': 'day',
    'int_finance__posting_days': 'sliced'}) }}
-- The books: what is posted, and what the next ./nightshift post will post.
with due as (

    select
        due.*,
        coalesce(days.posts_on, due.not_before) as posted_on,
        nullif(concat_ws('; ', due.cause, days.reason), '') as why
    from {{ ref('int_finance__journal_due') }} as due
    left join {{ ref('int_finance__posting_days') }} as days
        on days.occurred_on = due.occurred_on
        and days.not_before = due.not_before
    where {{ stale_days('due.occurred_on') }}

),

lines as (

    select
        journal_entry_id,
        line_number,
        posted_on,
        occurred_on,
        event,
        source_table,
        source_key,
        account_code,
        plan_code,
        country,
        currency,
        debit_amount,
        credit_amount,
        exchange_rate,
        reporting_debit_amount,
        reporting_credit_amount,
        reverses_entry_id,
        cause,
        description,
        content_hash,
        batch_id
    from {{ ref('stg_nightshift__journal_batches') }}
    where {{ stale_days('occurred_on') }}
    union all
    select
        journal_entry_id,
        line_number,
        posted_on,
        occurred_on,
        event,
        source_table,
        source_key,
        account_code,
        plan_code,
        country,
        currency,
        cast(greatest(amount, 0) as decimal(18, 2)) as debit_amount,
        cast(greatest(-amount, 0) as decimal(18, 2)) as credit_amount,
        exchange_rate,
        cast(greatest(reporting_amount, 0) as decimal(18, 2)) as reporting_debit_amount,
        cast(greatest(-reporting_amount, 0) as decimal(18, 2)) as reporting_credit_amount,
        reverses_entry_id,
        why as cause,
        description,
        content_hash,
        cast(null as {{ dbt.type_string() }}) as batch_id
    from due

),

final as (

    select
        *,
        {{ reporting_currency() }} as reporting_currency,
        concat(
            coalesce(batch_id, 'due'), '/', cast(posted_on as {{ dbt.type_string() }}), '/', account_code,
            '/', currency, '/', coalesce(plan_code, '')
        ) as gl_line_id
    from lines

)

select * from final
