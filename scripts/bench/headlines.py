"""What an hour's step costs with many articles at hand: 5,000 new ones among 50,000, 150,000 and 500,000 of three days.

    python -m scripts.bench.headlines

Stories of the days before are taken as known, so that one step is measured and not the seventy-two before it. Titles
are made of a vocabulary whose words are as unevenly used as those of a language (Zipf), and of terms of one story each.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path

import click
import duckdb

from scripts.bench.page import RESULTS, keep
from scripts.models import stories

NEW = 5_000
HOURS = 71

# A story has four articles in the mean, all within six hours; of its terms six are its own and twelve anybody's.
ARTICLES = """
    create or replace table articles as
    select
        concat('a', number) as article_id,
        number // 4 as story,
        timestamp '2026-03-01 12:00:00' - interval 1 hour * cast(
            case
                when number < $new then 0
                else 1 + (hash(number // 4) % $hours + hash(number, 'hour') % 6) % $hours
            end as integer
        ) as seen_hour
    from range($articles) as numbers (number)
"""
TERMS = """
    create or replace table intermediate.int_news__terms as
    select distinct article_id, seen_hour, term
    from (
        select article_id, seen_hour, concat('own', story, '-', hash(article_id, place) % 8) as term
        from articles, range(6) as places (place)
        union all
        -- the share of a word falls with its rank: ranks spread evenly over their logarithm
        select article_id, seen_hour,
            concat('word', floor(exp(hash(article_id, place, 'word') % 1000000 / 1e6 * ln(60000))))
        from articles, range(12) as places (place)
    )
"""
KNOWN = """
    create or replace table intermediate.int_news__stories as
    select seen_hour as hour, article_id, concat('20260226T00-', lpad(cast(story as varchar), 8, '0')) as story_id,
        cast(null as varchar) as former_story_id
    from articles
    where seen_hour < timestamp '2026-03-01 12:00:00'
"""


@click.command()
@click.option("--articles", multiple=True, type=int, default=(50_000, 150_000, 500_000), show_default=True)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder of the figures.")
def headlines(articles: tuple[int, ...], results: Path) -> None:
    """One step of the fold over hours, by the number of articles that a new one may join."""
    sql = stories.compiled_models()["int_news__stories"]
    rows = []
    for number in articles:
        with duckdb.connect(config={"threads": 2, "memory_limit": "6GB"}) as connection:
            connection.execute("create schema intermediate")
            connection.execute(ARTICLES, {"new": NEW, "hours": HOURS, "articles": number})
            for statement in (TERMS, KNOWN):
                connection.execute(statement)
            connection.execute("set variable news_hour = '2026-03-01 12:00:00'")
            began = time.process_time()
            connection.execute(f"create table step as {sql}")
            seconds = time.process_time() - began
            joined, of = connection.execute(
                "select count(distinct story_id), count(*) from step where article_id in "
                "(select article_id from articles where seen_hour = timestamp '2026-03-01 12:00:00')"
            ).fetchone()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        made = {"articles": number, "new": of, "stories": joined, "cpu_seconds": round(seconds, 1)}
        rows.append(made | {"peak_gb": round(peak / 1e9, 2)})
        click.echo("  ".join(f"{name} {value}" for name, value in rows[-1].items()))
    keep("headlines", {"rows": rows}, results)


if __name__ == "__main__":
    headlines()
