"""The UCI News Aggregator's articles as a newsroom would ship them: a file for each hour, the true story left out.

    .venv/bin/python examples/uci_news/feed.py FILE.csv [--home FOLDER]

Prints the hours, one a line, in the order in which ``./nightshift hour --at`` is to be run.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path

import click

from scripts.home import PROJECT
from scripts.models.stories import Article, read_articles

ARTICLES = PROJECT / "../shared/data/uci_news/articles_2014-03_business_health.csv"


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), default=ARTICLES)
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), default=PROJECT / "examples/uci_news/var")
def main(file: Path, home: Path) -> None:
    """Put the articles of FILE into the inbox of a home, hour by hour as they were published."""
    hours: dict[str, list[Article]] = defaultdict(list)
    for article in read_articles(file).articles:
        hours[f"{article.published_at:%Y-%m-%dT%H}"].append(article)
    for hour, articles in sorted(hours.items()):
        day, _, clock = hour.partition("T")
        place = home / "inbox" / "newsroom" / day / f"T{clock}"
        place.mkdir(parents=True, exist_ok=True)
        with gzip.open(place / "articles.jsonl.gz", "wt", encoding="utf-8") as shipped:
            shipped.writelines(json.dumps(_row(article), ensure_ascii=False) + "\n" for article in articles)
        click.echo(f"{hour}:00Z")


def _row(article: Article) -> dict[str, object]:
    """An article with the columns of backends/newsroom.yml; what the file does not tell is the same for all."""
    at = f"{article.published_at:%Y-%m-%dT%H:%M:%S.%f}Z"
    return {
        "article_id": article.article_id, "outlet": article.outlet or "unknown", "title": article.title, "lead": None,
        "language": article.language, "country": None, "section": article.section or "news", "url": article.url,
        "published_at": at, "updated_at": at, "correction_of": None, "is_retracted": False,
    }  # fmt: skip


if __name__ == "__main__":
    main()
