{{ config(tags=['hourly'], enabled=target.name in ('hour', 'dev')) }}

-- One test for all tables that an hour makes: an hour has a few seconds, and each node of dbt takes a part of one.
with broken as (
    {{ broken_grains([
        ('int_news__versions', ['article_id', 'updated_at'], changed_days('int_news__versions', 'published_on')),
        ('int_news__terms', ['article_id', 'term'], changed_days('int_news__terms', 'published_on')),
        ('int_news__interest', ['article_id', 'country', 'hour'], changed_days('int_news__interest', 'occurred_on')),
        ('int_news__stories', ['article_id', 'hour'], changed_hours('int_news__stories', 'hour')),
        ('int_news__overrides', ['override_id'], none),
        ('int_news__article_stories', ['article_id'], none),
        ('int_news__live_articles', ['article_id'], none),
        ('int_news__edition_stories', ['edition', 'story_id'], none),
        ('int_news__story_leads', ['edition', 'story_id'], none),
        ('int_news__scores', ['edition', 'story_id'], none),
        ('headlines_now', ['edition', 'story_id'], none),
    ]) }}
)

select table_name, column_names, row_text, rows_of_it
from broken
