{{ config(reads={
    'chinook.invoice': 'latest', 'chinook.invoice_line': 'latest', 'chinook.track': 'latest', 'chinook.genre': 'latest',
}) }}
with invoices as (

    select
        invoice_id,
        country,
        cast(date_trunc('month', issued_at) as date) as revenue_month
    from {{ ref('stg_chinook__invoice') }}

),

lines as (

    select
        invoice_id,
        track_id,
        cast(unit_price * quantity as decimal(18, 2)) as amount,
        quantity
    from {{ ref('stg_chinook__invoice_line') }}

),

tracks as (

    select
        tracks.track_id,
        genres.name as genre
    from {{ ref('stg_chinook__track') }} as tracks
    left join {{ ref('stg_chinook__genre') }} as genres on genres.genre_id = tracks.genre_id

)

select
    invoices.revenue_month,
    coalesce(invoices.country, 'unknown') as country,
    coalesce(tracks.genre, 'unknown') as genre,
    cast(sum(lines.amount) as decimal(18, 2)) as revenue_amount,
    cast(sum(lines.quantity) as bigint) as tracks_sold
from lines
inner join invoices on invoices.invoice_id = lines.invoice_id
left join tracks on tracks.track_id = lines.track_id
group by invoices.revenue_month, coalesce(invoices.country, 'unknown'), coalesce(tracks.genre, 'unknown')
