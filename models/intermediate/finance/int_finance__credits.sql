{{ config(day='credited_on', reads={
    'int_finance__credits_taken': var('deferral_days'),
    'int_finance__invoiced_lines': var('deferral_days')}) }}
with on_lines as (

    select
        credits.*,
        lines.invoice_id,
        lines.account_id,
        lines.subscription_id,
        lines.plan_code,
        lines.country,
        lines.currency,
        lines.exchange_rate,
        sign(lines.net_amount) as side,
        {{ cents('credits.net_amount') }} as net_cents,
        {{ cents('lines.net_amount') }} as line_cents,
        lines.service_from,
        lines.service_to,
        lines.issued_on,
        greatest(lines.service_from, cast(credits.credited_on as timestamp)) as rest_from,
        {{ add_periods('credits.credited_on', -1, 'day') }} as day_before,
        row_number() over (
            partition by credits.invoice_line_id
            order by credits.credited_at, credits.credit_id
        ) as credit_number
    from {{ ref('int_finance__credits_taken') }} as credits
    inner join {{ ref('int_finance__invoiced_lines') }} as lines
        on lines.invoice_line_id = credits.invoice_line_id
        and credits.credited_on >= lines.issued_on
        and credits.credited_on < {{ add_periods('lines.issued_on', var('deferral_days'), 'day') }}
    where
        {{ stale_days('credits.credited_on', lookback=var('deferral_days')) }}
        and {{ stale_days('lines.issued_on', lookback=var('deferral_days')) }}

),

still_taken as (

    select
        credits.credit_id,
        coalesce(sum(
            earlier.net_cents
            - {{ cents_earned('earlier.net_cents', 'credits.day_before', 'earlier.rest_from', 'earlier.service_to') }}
        ), 0) as cents
    from on_lines as credits
    left join on_lines as earlier
        on earlier.invoice_line_id = credits.invoice_line_id
        and earlier.credit_number < credits.credit_number
    group by credits.credit_id

),

with_rest as (

    select
        on_lines.*,
        on_lines.line_cents - still_taken.cents - case
            when on_lines.day_before < on_lines.issued_on then 0
            else
                {{ cents_earned('on_lines.line_cents', 'on_lines.day_before', 'on_lines.service_from',
                    'on_lines.service_to') }}
        end as rest_cents
    from on_lines
    inner join still_taken on still_taken.credit_id = on_lines.credit_id

),

numbered as (

    select
        *,
        side * net_cents >= side * rest_cents as takes_all,
        min(case when side * net_cents >= side * rest_cents then credit_number end) over (
            partition by invoice_line_id
        ) as last_number
    from with_rest

),

final as (

    select
        credit_id,
        taken_by,
        reason,
        invoice_line_id,
        invoice_id,
        account_id,
        subscription_id,
        plan_code,
        country,
        currency,
        exchange_rate,
        net_amount,
        tax_amount,
        cast(net_amount + tax_amount as decimal(18, 2)) as total_amount,
        case
            when credit_number > last_number or side * net_cents < 0 then cast(0 as decimal(18, 2))
            when takes_all then {{ from_cents('rest_cents') }}
            else net_amount
        end as deferred_amount,
        coalesce(credit_number = last_number, false) as takes_all_that_is_left,
        rest_from,
        service_to,
        credited_at,
        credited_on
    from numbered

)

select * from final
