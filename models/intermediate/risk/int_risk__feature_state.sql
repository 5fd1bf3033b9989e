{{ config(materialized='view') }}
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
    where payments.paid_on > tonight.on_date - 91 and payments.knowable_at < tonight.at_its_end

),

asked as (

    select 'account' as kind, account_id as id
    from known
    where account_id is not null
    group by account_id
    union all
    select 'terminal' as kind, terminal_id as id
    from known
    where terminal_id is not null
    group by terminal_id
    union all
    select 'device' as kind, device_id as id
    from known
    where device_id is not null
    group by device_id
    union all
    select 'card' as kind, card_id as id
    from known
    where card_id is not null
    group by card_id
    union all
    select 'unseen' as kind, '' as id

),

payments as (

    select
        payment_id, account_id, card_id, device_id, terminal_id, country, card_country, attempt, amount, is_declined,
        paid_at, paid_on, knowable_at
    from known
    union all
    select
        concat('as of tonight: ', asked.kind, ' ', asked.id) as payment_id,
        case when asked.kind in ('account', 'unseen') then asked.id end as account_id,
        case when asked.kind in ('card', 'unseen') then asked.id end as card_id,
        case when asked.kind in ('device', 'unseen') then asked.id end as device_id,
        case when asked.kind in ('terminal', 'unseen') then asked.id end as terminal_id,
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
    where labels.knowable_at < tonight.at_its_end

),

{{ payment_features('knowable_at') }}

select asked.kind, asked.id, features.*
from features
inner join asked on features.payment_id = concat('as of tonight: ', asked.kind, ' ', asked.id)
