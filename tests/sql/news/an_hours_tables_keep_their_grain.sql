{{ config(tags=['hourly'], enabled=target.name in ('hour', 'dev')) }}
{#
  The promise behind "One row per …" of all that an hour makes: the columns are never null and no combination of them
  stands twice. One test for all tables: an hour has a few seconds, and each node of dbt takes a part of one.
#}
{%- set grains = [
    ('int_news__versions', ['article_id', 'updated_at']),
    ('int_news__terms', ['article_id', 'term']),
    ('int_news__stories', ['article_id', 'hour']),
    ('int_news__interest', ['article_id', 'country', 'hour']),
    ('int_news__overrides', ['override_id']),
    ('int_news__article_stories', ['article_id']),
    ('int_news__live_articles', ['article_id']),
    ('int_news__edition_stories', ['edition', 'story_id']),
    ('int_news__story_leads', ['edition', 'story_id']),
    ('int_news__scores', ['edition', 'story_id']),
    ('headlines_now', ['edition', 'story_id']),
] %}
-- of tables made by day, the days that changed since the last edition
{%- set days = {'int_news__versions': 'published_on', 'int_news__terms': 'published_on', 'int_news__interest': 'occurred_on'} %}
{%- for name, columns in grains %}
select
    '{{ name }}' as table_name,
    '{{ columns | join(', ') }}' as columns,
    concat_ws(', '{% for column in columns %}, coalesce(cast({{ column }} as varchar), 'null'){% endfor %}) as row_text,
    count(*) as rows_of_it
from {{ ref(name) }}
{%- if name in days %}
where {{ changed_days(name, days[name]) }}
{%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1{% for column in columns %} or {{ column }} is null{% endfor %}
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
