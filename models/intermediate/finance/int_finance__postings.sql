{{ config(day='occurred_on', reads={
    'int_finance__events': 'day',
    'int_finance__posting_rules': 'sliced',
    'int_finance__exchange_rates': 'sliced'}) }}
-- Each event by each rule that holds for it: what moves from which account to which, at which rate.
with events as (

    select *
    from {{ ref('int_finance__events') }}
    where {{ stale_days('occurred_on') }}

),

matched as (

    select
        events.*,
        rules.debit_account,
        rules.credit_account,
        rules.description as rule_description,
        coalesce(events.exchange_rate, {{ rate_of('events.currency', 'rates') }}) as rate_found,
        case rules.amount_column
            {%- for column in event_amounts() if column != 'exchange_amount' %}
                when '{{ column }}' then events.{{ column }}
            {%- endfor %}
            else 0
        end as amount,
        case
            when rules.amount_column = 'exchange_amount' then events.exchange_amount
            else 0
        end as reporting_only_amount
    from events
    inner join {{ ref('int_finance__posting_rules') }} as rules
        on rules.event = events.event
        and events.occurred_on >= rules.valid_from
        and (events.occurred_on < rules.valid_to or rules.valid_to is null)
        and (
            rules.condition_column = ''
            or rules.is_negated <> (
                case rules.condition_column
                    when 'kind' then events.kind
                    when 'plan_code' then events.plan_code
                    when 'country' then events.country
                    when 'currency' then events.currency
                end is not distinct from rules.condition_value
            )
        )
    left join {{ ref('int_finance__exchange_rates') }} as rates
        on rates.currency = events.currency
        and rates.valid_from = events.occurred_on

),

final as (

    select
        concat(event, ':', source_key, '@', replace(cast(occurred_on as {{ dbt.type_string() }}), '-', ''))
            as entry_key,
        event,
        source_table,
        source_key,
        occurred_on,
        case
            when document is null then rule_description
            else concat(rule_description, ' ', document)
        end as description,
        plan_code,
        country,
        currency,
        coalesce(
            rate_found,
            cast(
                {{ fail_with("concat('no exchange rate for ', coalesce(currency, '(no currency)'), ' on ',
                    cast(occurred_on as " ~ dbt.type_string() ~ "), ' (', source_table, ' ', source_key, ')')") }}
                as decimal(18, 8)
            )
        ) as exchange_rate,
        debit_account,
        credit_account,
        cast(coalesce(amount, 0) as decimal(18, 2)) as amount,
        cast(coalesce(reporting_only_amount, 0) as decimal(18, 2)) as reporting_only_amount
    from matched
    where coalesce(amount, 0) <> 0 or coalesce(reporting_only_amount, 0) <> 0

)

select * from final
