{{ config(day='issued_on', reads={'stg_billing__invoice_lines': 'day', 'stg_billing__invoices': 'day', 'int_finance__exchange_rates': 'sliced'}) }}
with invoices as (

    select
        invoice_id,
        account_id,
        subscription_id,
        country,
        issued_on,
        row_number() over (partition by invoice_id order by updated_at desc, _arrived_on desc, _dump_id, _source_line) as newest_first
    from {{ ref('stg_billing__invoices') }}
    where {{ stale_days('issued_on') }}

),

lines as (

    select
        *,
        row_number() over (partition by invoice_line_id order by updated_at desc, _arrived_on desc, _dump_id, _source_line) as newest_first
    from {{ ref('stg_billing__invoice_lines') }}
    where {{ stale_days('issued_on') }}

),

final as (

    select
        lines.invoice_line_id,
        lines.invoice_id,
        lines.line_number,
        lines.kind,
        invoices.account_id,
        invoices.subscription_id,
        lines.plan_code,
        invoices.country,
        lines.currency,
        rates.exchange_rate,
        lines.net_amount,
        lines.tax_amount,
        cast(lines.net_amount + lines.tax_amount as decimal(18, 2)) as total_amount,
        lines.service_from,
        lines.service_to,
        lines.issued_at,
        lines.issued_on
    from lines
    inner join invoices
        on invoices.invoice_id = lines.invoice_id
        and invoices.issued_on = lines.issued_on
        and invoices.newest_first = 1
    left join {{ ref('int_finance__exchange_rates') }} as rates
        on rates.currency = lines.currency
        and lines.issued_on >= rates.valid_from
        and (lines.issued_on < rates.valid_to or rates.valid_to is null)
    where lines.newest_first = 1

)

select * from final
