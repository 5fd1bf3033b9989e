{{ config(access='public', day='issued_on', reads={
    'fct_invoice_lines': 'day',
    'int_finance__exchange_rates': 'sliced'}) }}
with lines as (

    select *
    from {{ ref('fct_invoice_lines') }}
    where {{ stale_days('issued_on') }} and account_id is not null

),

final as (

    select
        lines.invoice_line_id,
        lines.invoice_id,
        lines.line_number,
        lines.kind,
        lines.account_id,
        lines.subscription_id,
        lines.plan_code,
        lines.country,
        lines.currency,
        cast({{ rate_of('lines.currency', 'rates') }} as decimal(18, 8)) as exchange_rate,
        lines.net_amount,
        lines.tax_amount,
        cast(lines.net_amount + lines.tax_amount as decimal(18, 2)) as total_amount,
        lines.service_from,
        lines.service_to,
        lines.issued_at,
        lines.issued_on
    from lines
    left join {{ ref('int_finance__exchange_rates') }} as rates
        on rates.currency = lines.currency
        and rates.valid_from = lines.issued_on

)

select * from final
