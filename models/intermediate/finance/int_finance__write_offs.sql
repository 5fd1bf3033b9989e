{{ config(day='written_off_on', reads={'fct_invoices': var('deferral_days'), 'fct_payments': var('deferral_days'),
    'fct_credit_notes': var('deferral_days'), 'int_finance__invoiced_lines': var('deferral_days')}) }}
-- What nobody will pay any more, line by line: the open part of the invoice, cents placed so that lines add up to it.
with given_up as (

    select invoice_id, total_amount, cast(updated_at as date) as written_off_on, updated_at as written_off_at
    from {{ ref('fct_invoices') }}
    where
        {{ stale_days('issued_on', lookback=var('deferral_days')) }} and state = 'uncollectible'
        and cast(updated_at as date) >= issued_on
        and cast(updated_at as date) < {{ add_periods('issued_on', var('deferral_days'), 'day') }}

),

settled as (

    select invoice_id, amount, cast(updated_at as date) as settled_on
    from {{ ref('fct_payments') }}
    where {{ stale_days('attempted_on', lookback=var('deferral_days')) }} and result = 'succeeded'
    union all
    select invoice_id, net_amount + tax_amount as amount, issued_on as settled_on
    from {{ ref('fct_credit_notes') }}
    where {{ stale_days('issued_on', lookback=var('deferral_days')) }} and kind <> 'refund'

),

open_parts as (

    select
        given_up.invoice_id,
        given_up.written_off_on,
        given_up.written_off_at,
        {{ cents('given_up.total_amount') }} as total_cents,
        {{ cents('given_up.total_amount - coalesce(sum(settled.amount), 0)') }} as open_cents
    from given_up
    left join settled on settled.invoice_id = given_up.invoice_id and settled.settled_on <= given_up.written_off_on
    group by given_up.invoice_id, given_up.written_off_on, given_up.written_off_at, given_up.total_amount

),

shared as (

    select
        lines.invoice_line_id,
        lines.net_amount,
        lines.total_amount,
        open_parts.*,
        {{ cents('sum(lines.total_amount) over (
            partition by lines.invoice_id order by lines.line_number, lines.invoice_line_id)') }} as running_cents
    from open_parts
    inner join {{ ref('int_finance__invoiced_lines') }} as lines on lines.invoice_id = open_parts.invoice_id
    where {{ stale_days('lines.issued_on', lookback=var('deferral_days')) }} and open_parts.open_cents > 0

),

in_cents as (

    select
        *,
        {{ whole_quotient('open_cents * running_cents', 'total_cents') }}
        - {{ whole_quotient('open_cents * (running_cents - ' ~ cents('total_amount') ~ ')', 'total_cents') }}
            as line_cents
    from shared

),

final as (

    select
        invoice_line_id,
        {{ from_cents(whole_quotient('line_cents * ' ~ cents('net_amount'), cents('total_amount'))) }} as net_amount,
        {{ from_cents('line_cents - ' ~ whole_quotient('line_cents * ' ~ cents('net_amount'), cents('total_amount'))) }}
            as tax_amount,
        written_off_at,
        written_off_on
    from in_cents
    where total_amount <> 0 and line_cents <> 0

)

select * from final
