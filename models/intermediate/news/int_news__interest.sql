{{ config(day='occurred_on', reads={'newsroom.reader_events': 'day'}) }}

with events as (
    select
        event_id,
        article_id,
        reader_id,
        event,
        country,
        dwell_ms,
        occurred_on,
        date_trunc('hour', occurred_at) as hour,
        row_number() over (
            partition by event_id order by _arrived_on, _dump_id, _source_file, _source_line
        ) as copy_number
    from {{ ref('stg_newsroom__reader_events') }}
    where {{ stale_days('occurred_on') }}
),

-- one reader counts once for an article and an hour, however often the page is opened
readers as (
    select
        occurred_on,
        hour,
        article_id,
        reader_id,
        min(country) as country,
        count(*) filter (where event = 'read') as times_read,
        count(*) filter (where event = 'read' and dwell_ms < {{ var('bot_dwell_ms') }}) as times_hasty
    from events
    where copy_number = 1
    group by occurred_on, hour, article_id, reader_id
),

bots as (
    select hour, reader_id
    from readers
    group by hour, reader_id
    having max(times_read) > {{ var('bot_times_read') }} or sum(times_hasty) > {{ var('bot_times_read') }}
),

final as (
    select
        readers.occurred_on,
        readers.hour,
        readers.article_id,
        readers.country,
        count(*) as shown,
        count(*) filter (where readers.times_read > readers.times_hasty) as read
    from readers
    left join bots on readers.hour = bots.hour and readers.reader_id = bots.reader_id
    where bots.reader_id is null
    group by readers.occurred_on, readers.hour, readers.article_id, readers.country
)

select * from final
