{{ config(day='credited_on', reads={'stg_billing__credit_notes': 'day'}) }}
with credit_notes as (

    select
        *,
        row_number() over (partition by credit_note_id order by _arrived_on desc, _dump_id, _source_line) as newest_first
    from {{ ref('stg_billing__credit_notes') }}
    where {{ stale_days('issued_on') }}

),

final as (

    select
        credit_note_id as credit_id,
        'credit_note' as taken_by,
        kind,
        reason,
        invoice_line_id,
        net_amount,
        tax_amount,
        issued_at as credited_at,
        issued_on as credited_on
    from credit_notes
    where newest_first = 1

)

select * from final
