{{ config(materialized='view') }}
{%- set kinds = ['account', 'terminal', 'device', 'card'] %}
-- What a feature store starts from: the features of a payment without an amount that each account, terminal, device and
-- card would make as tonight ends, by the same macro; `unseen` is one of which nothing is known: the defaults. Counts
-- hold that payment itself. Read by ./nightshift fraud-export alone, hence a view.
with tonight as (

    select
        max(on_date) as on_date,
        cast(max(on_date) + 1 as timestamp) as at_its_end
    from {{ source('ops', 'horizon') }}

),

known as (

    select payments.*
    from {{ ref('int_risk__payments') }} as payments
    cross join tonight
    where
        payments.paid_on > tonight.on_date - 240
        and payments.knowable_at < tonight.at_its_end
        and cast(payments.knowable_at as date) <= payments.paid_on + {{ var('late_days') }}

),

asked as (

    {%- for kind in kinds %}
        select '{{ kind }}' as kind, {{ kind }}_id as id
        from known
        where {{ kind }}_id is not null
        group by {{ kind }}_id
        union all
    {%- endfor %}
    select 'unseen' as kind, '' as id

),

payments as (

    select
        payment_id, account_id, terminal_id, device_id, card_id, country, card_country, attempt, amount, is_declined,
        paid_at, paid_on, knowable_at
    from known
    union all
    select
        concat('as of tonight: ', asked.kind, ' ', asked.id) as payment_id,
        {%- for kind in kinds %}
            case when asked.kind in ('{{ kind }}', 'unseen') then asked.id end as {{ kind }}_id,
        {%- endfor %}
        null as country,
        null as card_country,
        1 as attempt,
        null as amount,
        false as is_declined,
        tonight.at_its_end as paid_at,
        cast(tonight.at_its_end as date) as paid_on,
        tonight.at_its_end as knowable_at
    from asked
    cross join tonight

),

labels as (

    select labels.payment_id, labels.knowable_at as known_since, labels.is_fraud
    from {{ ref('int_risk__labels') }} as labels
    cross join tonight
    where
        labels.knowable_at < tonight.at_its_end
        and cast(labels.knowable_at as date) <= labels.known_on + {{ var('late_days') }}

),

{{ payment_features('knowable_at') }}

select asked.kind, asked.id, features.*
from features
inner join asked on features.payment_id = concat('as of tonight: ', asked.kind, ' ', asked.id)
