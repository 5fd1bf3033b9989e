{{ config(access='public', day='recognised_on', reads={'int_finance__deferral_terms': var('deferral_days')}) }}
with terms as (

    select
        *,
        {{ cents('deferred_amount') }} as deferred_cents,
        greatest(cast(service_from as date), counts_from) as first_on,
        greatest(cast(service_from as date), counts_from, {{ last_day_of_service('service_from', 'service_to') }})
            as last_on
    from {{ ref('int_finance__deferral_terms') }}
    where {{ stale_days('counts_from', lookback=var('deferral_days')) }}

),

ends as (

    select invoice_line_id, min(counts_from) as ends_on
    from terms
    where ends_service
    group by invoice_line_id

),

days as (

    select day as recognised_on, {{ add_periods('day', -1, 'day') }} as day_before
    from {{ calendar() }} as calendar
    where {{ stale_days('day') }}

),

earned as (

    select
        terms.invoice_line_id,
        days.recognised_on,
        {{ cents_earned('terms.deferred_cents', 'days.recognised_on', 'terms.service_from', 'terms.service_to') }}
        - case
            when days.recognised_on = terms.first_on then 0
            else {{ cents_earned('terms.deferred_cents', 'days.day_before', 'terms.service_from', 'terms.service_to') }}
        end as earned_cents
    from days
    inner join terms on days.recognised_on >= terms.first_on and days.recognised_on <= terms.last_on
    left join ends on ends.invoice_line_id = terms.invoice_line_id
    where
        (days.recognised_on < ends.ends_on or ends.ends_on is null)
        and days.recognised_on < {{ add_periods('terms.counts_from', var('deferral_days'), 'day') }}

),

movements as (

    select invoice_line_id, recognised_on, earned_cents, 0 as taken_back_cents from earned
    union all
    select
        invoice_line_id,
        counts_from as recognised_on,
        0 as earned_cents,
        {{ cents('taken_back_amount') }} as taken_back_cents
    from terms
    where taken_back_amount <> 0 and {{ stale_days('counts_from') }}

),

per_day as (

    select invoice_line_id, recognised_on, sum(earned_cents) as earned_cents, sum(taken_back_cents) as taken_back_cents
    from movements
    group by invoice_line_id, recognised_on

),

final as (

    select
        per_day.invoice_line_id,
        per_day.recognised_on,
        terms.invoice_id,
        terms.account_id,
        terms.subscription_id,
        terms.plan_code,
        terms.country,
        terms.currency,
        terms.exchange_rate,
        {{ from_cents('per_day.earned_cents') }} as earned_amount,
        {{ from_cents('per_day.taken_back_cents') }} as taken_back_amount,
        {{ from_cents('per_day.earned_cents + per_day.taken_back_cents') }} as recognised_amount
    from per_day
    inner join terms on terms.invoice_line_id = per_day.invoice_line_id and terms.term = 'invoice_line'

)

select * from final
