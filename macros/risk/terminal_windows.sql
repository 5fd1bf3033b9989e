{#
  What is known of a terminal (a device, a card) at each payment. Three things happen to it: a payment; a payment settling, when it
  was not reported for so long (`label_delay_days`) that it counts as genuine; a payment reported as a fraud. Risk is the
  frauds reported among the payments settled or reported in a window, so a label counts from the moment it was known.
  A fraud is more telling about the terminal when its amount was usual for the account (`least_fraud_to_usual`), and when
  no genuine payment came between (the streak: all since the last payment that settled as genuine).
  `payments` is the CTE account_windows, `labels` a CTE of payment_id, known_since, is_fraud.
#}
{% macro place_events(payments, labels) %}
reported as (

    select
        payments.payment_id,
        payments.terminal_id,
        payments.device_id,
        payments.card_id,
        payments.paid_at,
        payments.amount_to_usual,
        -- a label that comes before its payment, or with it, says nothing of a terminal until that payment is here: so
        -- none sees its own
        greatest(labels.known_since, payments.known_since + interval '1 microsecond') as reported_at,
        labels.is_fraud,
        row_number() over (partition by payments.payment_id, labels.is_fraud order by labels.known_since) as report_number
    from {{ labels }} as labels
    inner join {{ payments }} as payments
        on payments.payment_id = labels.payment_id
        and labels.known_since >= payments.paid_at
        and labels.known_since < payments.paid_at + interval '{{ var("label_reach_days") }} days'

),

settled as (

    select
        payments.payment_id,
        payments.terminal_id,
        payments.device_id,
        payments.card_id,
        greatest(
            payments.known_since + interval '1 microsecond', payments.paid_at + interval '{{ var("label_delay_days") }} days'
        ) as settled_at,
        case when reported.reported_at <= payments.paid_at + interval '{{ var("label_delay_days") }} days' then null else payments.paid_at end as genuine_paid_at
    from {{ payments }} as payments
    left join reported on reported.payment_id = payments.payment_id and reported.is_fraud and reported.report_number = 1

),

events as (

    select
        payment_id as scored_payment_id, terminal_id, device_id, card_id, account_id, known_since as happened_at, 1 as payments, 0 as settled, 0 as frauds,
        cast(null as timestamp) as genuine_paid_at, cast(null as timestamp) as fraud_paid_at, cast(null as double) as fraud_to_usual
    from {{ payments }}
    union all
    select null, terminal_id, device_id, card_id, null, settled_at, 0, 1, 0, genuine_paid_at, null, null
    from settled
    union all
    select
        null, terminal_id, device_id, card_id, null, reported_at, 0, 0, case when is_fraud then 1 else -1 end,
        null, case when is_fraud then paid_at end, case when is_fraud then coalesce(amount_to_usual, 1) end
    from reported
    where report_number = 1

)
{%- endmacro %}

{% macro terminal_windows() %}
terminal_streaks as (

    select
        *,
        count(genuine_paid_at) over (partition by terminal_id order by happened_at range between unbounded preceding and current row) as streak
    from events
    where terminal_id is not null

),

terminal_windows as (

    select
        scored_payment_id,
        happened_at,
        {%- for days in [1, 7, 30] %}
        sum(payments) over last_{{ days }} as terminal_count_{{ days }}d,
        sum(settled) over last_{{ days }} as terminal_settled_{{ days }}d,
        round(greatest(sum(frauds) over last_{{ days }}, 0) / cast(nullif(sum(settled) over last_{{ days }}, 0) as double), 6) as terminal_risk_{{ days }}d,
        {%- endfor %}
        greatest(sum(frauds) over last_30, 0) as terminal_frauds_30d,
        min(fraud_to_usual) over last_30 as terminal_least_fraud_to_usual_30d,
        max(genuine_paid_at) over last_60 as last_genuine_paid_at,
        max(fraud_paid_at) over last_60 as last_fraud_paid_at,
        greatest(sum(frauds) over streak_30, 0) as terminal_streak_frauds,
        min(fraud_to_usual) over streak_30 as terminal_streak_least_fraud_to_usual,
        min(fraud_paid_at) over streak_30 as streak_began_at
    from terminal_streaks
    window
        {%- for days in [1, 7, 30, 60] %}
        last_{{ days }} as (partition by terminal_id order by happened_at {{ last_days(days) }}),
        {%- endfor %}
        streak_30 as (partition by terminal_id, streak order by happened_at {{ last_days(30) }})

)
{%- endmacro %}

{# What is known of a thing that is paid with: `kind` is device or card. #}
{% macro held_windows(kind) %}
{{ kind }}_windows as (

    select
        scored_payment_id,
        sum(payments) over last_1 as {{ kind }}_count_1d,
        sum(payments) over last_30 as {{ kind }}_count_30d,
        count(distinct account_id) over last_30 as {{ kind }}_accounts_30d,
        greatest(sum(frauds) over last_30, 0) as {{ kind }}_frauds_30d
    from events
    where {{ kind }}_id is not null
    window
        last_1 as (partition by {{ kind }}_id order by happened_at {{ last_days(1) }}),
        last_30 as (partition by {{ kind }}_id order by happened_at {{ last_days(30) }})

)
{%- endmacro %}
