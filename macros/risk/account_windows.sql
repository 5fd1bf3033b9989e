{#
  What an account's payments look like beside its own: `payments` is a CTE in the shape of int_risk__payments, `moment`
  the column that says since when a payment can be known. What is usual for an account is its median amount of the 90
  days before, which a few frauds do not move; a payment of `unusual_amount` times that is unusual.
#}
{% macro account_windows(payments, moment) %}
compared as (

    select
        *,
        {{ moment }} as known_since,
        cast(median(amount) over before_90 as double) as account_usual_amount,
        count(amount) over before_90 as account_count_before_90d,
        cast(sum(amount) over before_90 as double) as before_sum,
        cast(sum(amount * amount) over before_90 as double) as before_squares,
        min(paid_at) over before_90 as first_paid_at,
        max(paid_at) over before_90 as last_paid_at
    from {{ payments }}
    window before_90 as (partition by account_id order by {{ moment }} {{ days_before(90) }})

),

measured as (

    select
        *,
        round(cast(amount as double) / nullif(account_usual_amount, 0), 6) as amount_to_usual,
        round((cast(amount as double) - before_sum / account_count_before_90d) / nullif(sqrt(greatest(
            (before_squares - before_sum * before_sum / account_count_before_90d) / nullif(account_count_before_90d - 1, 0), 0
        )), 0), 6) as amount_z_score
    from compared

),

account_windows as (

    select
        *,
        round(epoch(paid_at - first_paid_at) / 86400, 6) as account_days_since_first,
        round(epoch(paid_at - last_paid_at) / 86400, 6) as account_days_since_last,
        {%- for days in [1, 7, 30] %}
        count(*) over last_{{ days }} as account_count_{{ days }}d,
        round(cast(sum(amount) over last_{{ days }} as double) / nullif(count(amount) over last_{{ days }}, 0), 6) as account_mean_amount_{{ days }}d,
        {%- endfor %}
        count(*) over before_14 as account_count_before_14d,
        count(case when amount_to_usual >= {{ var('unusual_amount') }} then 1 end) over before_7 as account_unusual_before_7d,
        count(case when amount_to_usual >= {{ var('unusual_amount') }} then 1 end) over before_14 as account_unusual_before_14d,
        max(amount_to_usual) over before_3 as account_max_to_usual_before_3d,
        max(amount_to_usual) over before_14 as account_max_to_usual_before_14d,
        count(case when is_declined then 1 end) over before_30 as account_declines_before_30d,
        count(distinct country) over last_30 as account_countries_30d,
        count(distinct card_id) over last_30 as account_cards_30d
    from measured
    window
        {%- for days in [1, 7, 30] %}
        last_{{ days }} as (partition by account_id order by known_since {{ last_days(days) }}),
        {%- endfor %}
        {%- for days in [3, 7, 14, 30] %}
        before_{{ days }} as (partition by account_id order by known_since {{ days_before(days) }}){{ ',' if not loop.last }}
        {%- endfor %}

)
{%- endmacro %}
