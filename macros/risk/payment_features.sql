{#
  The features of each payment, one line each, from CTEs named payments (int_risk__payments) and labels. `moment` says
  since when a payment can be known: paid_at for what is known today, knowable_at for what was known then. To add a
  feature, add its line here (or a window above) and its column to fct_payment_features.yml; training finds it.
#}
{% macro payment_features(moment) %}
{{ account_windows('payments', moment) }},

{{ place_events('account_windows', 'labels') }},

{{ terminal_windows() }},

{{ held_windows('device') }},

{{ held_windows('card') }},

features as (

    select
        payments.payment_id,
        payments.account_id,
        payments.terminal_id,
        payments.paid_at,
        payments.paid_on,
        cast(payments.amount as double) as amount,
        cast(date_part('hour', payments.paid_at) as integer) as hour,
        cast(case when date_part('isodow', payments.paid_at) >= 6 then 1 else 0 end as integer) as is_weekend,
        cast(case when date_part('hour', payments.paid_at) <= 6 then 1 else 0 end as integer) as is_night,
        cast(payments.attempt as integer) as attempt,
        cast(case when payments.card_country <> payments.country then 1 else 0 end as integer) as is_foreign_card,
        payments.amount_to_usual,
        payments.amount_z_score,
        payments.account_usual_amount,
        payments.account_days_since_first,
        payments.account_days_since_last,
        {%- for days in [1, 7, 30] %}
        cast(payments.account_count_{{ days }}d as integer) as account_count_{{ days }}d,
        payments.account_mean_amount_{{ days }}d,
        {%- endfor %}
        cast(payments.account_count_before_14d as integer) as account_count_before_14d,
        cast(payments.account_count_before_90d as integer) as account_count_before_90d,
        cast(payments.account_unusual_before_7d as integer) as account_unusual_before_7d,
        cast(payments.account_unusual_before_14d as integer) as account_unusual_before_14d,
        payments.account_max_to_usual_before_3d,
        payments.account_max_to_usual_before_14d,
        cast(payments.account_declines_before_30d as integer) as account_declines_before_30d,
        cast(payments.account_countries_30d as integer) as account_countries_30d,
        cast(payments.account_cards_30d as integer) as account_cards_30d,
        {%- for days in [1, 7, 30] %}
        cast(terminal.terminal_count_{{ days }}d as integer) as terminal_count_{{ days }}d,
        cast(terminal.terminal_settled_{{ days }}d as integer) as terminal_settled_{{ days }}d,
        coalesce(terminal.terminal_risk_{{ days }}d, 0) as terminal_risk_{{ days }}d,
        {%- endfor %}
        cast(terminal.terminal_frauds_30d as integer) as terminal_frauds_30d,
        terminal.terminal_least_fraud_to_usual_30d,
        round(epoch(payments.paid_at - terminal.last_genuine_paid_at) / 86400, 6) as terminal_days_since_genuine,
        round(epoch(payments.paid_at - terminal.last_fraud_paid_at) / 86400, 6) as terminal_days_since_fraud,
        cast(terminal.terminal_streak_frauds as integer) as terminal_streak_frauds,
        terminal.terminal_streak_least_fraud_to_usual,
        round(epoch(payments.paid_at - terminal.streak_began_at) / 86400, 6) as terminal_streak_days,
        {%- for kind in ['device', 'card'] %}
        cast({{ kind }}.{{ kind }}_count_1d as integer) as {{ kind }}_count_1d,
        cast({{ kind }}.{{ kind }}_count_30d as integer) as {{ kind }}_count_30d,
        cast({{ kind }}.{{ kind }}_accounts_30d as integer) as {{ kind }}_accounts_30d,
        cast({{ kind }}.{{ kind }}_frauds_30d as integer) as {{ kind }}_frauds_30d{{ ',' if not loop.last }}
        {%- endfor %}
    from account_windows as payments
    left join terminal_windows as terminal on terminal.scored_payment_id = payments.payment_id
    left join device_windows as device on device.scored_payment_id = payments.payment_id
    left join card_windows as card on card.scored_payment_id = payments.payment_id

)
{%- endmacro %}
