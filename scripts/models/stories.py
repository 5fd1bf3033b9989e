"""Stories: the models' own SQL over any file of articles, fed hour by hour; a plain baseline; B-cubed scores."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import json
import math
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from scripts.console import FAILED, USAGE, Stop
from scripts.home import PROJECT, at_home, folder
from scripts.news.project import own_project

MODELS = ("int_news__terms", "int_news__stories")
STOP_WORDS = PROJECT / "seeds" / "news_stop_words.csv"
NEVER = 1e9


@dataclass(frozen=True)
class Article:
    """One row of the file, without its story: what a newsroom would know."""

    article_id: str
    title: str
    url: str
    language: str
    published_at: datetime
    outlet: str = ""
    section: str = ""


@dataclass(frozen=True)
class Articles:
    """A file of articles in the order of their publication, and apart from them what the score alone may see."""

    articles: tuple[Article, ...]
    truth: Mapping[str, str]
    left_out: Counter


def read_articles(path: Path) -> Articles:
    """Read a CSV with the columns of the UCI News Aggregator.

    TITLE, STORY and PUBLISHED_AT (or TIMESTAMP, milliseconds since 1970) are needed; ID and URL help. The order of rows
    does not matter; a row without a readable time or a story is left out and counted. What is neither UTF-8 nor UTF-16
    is read as Windows-1252; between columns stand commas, semicolons or tabs, as the first line shows.
    """
    text = _text(path.read_bytes())
    head = text.partition("\n")[0]
    with io.StringIO(text, newline="") as file:
        csv.field_size_limit(1 << 27)
        reader = csv.DictReader(file, delimiter=max(",;\t", key=head.count))
        names = {(name or "").strip().upper(): name for name in reader.fieldnames or ()}
        at = names.get("PUBLISHED_AT") or names.get("TIMESTAMP")
        missing = [name for name in ("TITLE", "STORY") if name not in names] + ([] if at else ["PUBLISHED_AT"])
        if missing:
            raise Stop(f"{path.name} has no column {', '.join(missing)}", USAGE)
        found, left_out = [], Counter()
        for row in reader:
            cell = {name: (row.get(column) or "").strip() for name, column in names.items()}
            published = _time(row.get(at) or "")
            if not any(cell.values()):
                continue
            if published is None or not cell["STORY"]:
                left_out["without a readable time" if published is None else "without a story"] += 1
                continue
            found.append((published, cell.get("ID", ""), cell["TITLE"], cell.get("URL", ""), cell["STORY"],
                          cell.get("LANGUAGE", "en").lower()[:2] or "en", cell.get("PUBLISHER", ""),
                          cell.get("CATEGORY", "")))  # fmt: skip
    articles, truth = [], {}
    for published, given, title, url, story, language, outlet, section in sorted(found):
        key = given or hashlib.md5(f"{title}\0{url}\0{published}".encode()).hexdigest()
        while key in truth:
            key += "+"
        truth[key] = story
        articles.append(Article(key, title, url, language, published, outlet, section))
    if not articles:
        raise Stop(f"{path.name} has no article that could be read", USAGE)
    return Articles(tuple(articles), truth, left_out)


def _text(content: bytes) -> str:
    """A file's text, by its byte order mark or by what can be read."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _time(text: str) -> datetime | None:
    """A time as files have it (ISO 8601, or seconds or milliseconds since 1970), in UTC; None if it is none."""
    text = text.strip()
    try:
        if re.fullmatch(r"\d{9,14}", text):
            return datetime.fromtimestamp(int(text) / (1 if len(text) < 12 else 1000), UTC).replace(tzinfo=None)
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError, OSError):
        return None


def compiled_models() -> dict[str, str]:
    """The SQL of the two models, compiled by dbt, over a schema called intermediate."""
    place = folder("examples") / "stories"
    (place / "warehouse").mkdir(parents=True, exist_ok=True)
    with at_home(place):  # nothing meets the warehouse of a night or an hour
        project, target = own_project(), place / "target"
        done = subprocess.run(
            [str(Path(sys.executable).with_name("dbt")), "--quiet", "compile", "--select", *MODELS, "--target", "hour",
             "--target-path", str(target), "--log-path", str(target / "logs")],
            cwd=project, capture_output=True, text=True, env={**os.environ, "DBT_PROFILES_DIR": str(PROJECT)},
        )  # fmt: skip
    if done.returncode:
        raise Stop(f"the models of stories do not compile:\n{done.stdout[-2000:]}{done.stderr[-2000:]}", FAILED)
    nodes = json.loads((target / "manifest.json").read_bytes())["nodes"]
    return {name: nodes[f"model.nightshift.{name}"]["compiled_code"].replace('"warehouse".', "") for name in MODELS}


def stories_of(articles: Sequence[Article], models: Mapping[str, str]) -> dict[str, Hashable]:
    """The story of each article, found hour by hour with the SQL of the warehouse."""
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("create schema intermediate; create schema seeds; set TimeZone = 'UTC'")
        connection.execute(
            "create table seeds.news_stop_words as from read_csv($1, header = true, all_varchar = true)",
            [str(STOP_WORDS)],
        )
        rows = pa.table(
            {
                "article_id": [article.article_id for article in articles],
                "title": [article.title for article in articles],
                "url": [article.url for article in articles],
                "language": [article.language for article in articles],
                "published_at": pa.array([article.published_at for article in articles], pa.timestamp("us")),
            }
        )
        connection.register("articles_read", rows)
        connection.execute(
            "create table intermediate.int_news__versions as select article_id, title, url, language, "
            "cast(published_at as date) as published_on, date_trunc('hour', published_at) as seen_hour, "
            "1 as version_number from articles_read"
        )
        connection.execute(f"create table intermediate.int_news__terms as {models['int_news__terms']}")
        fold(connection, models["int_news__stories"])
        found = dict(
            connection.execute(
                "select article_id, arg_max(story_id, hour) from intermediate.int_news__stories group by article_id"
            ).fetchall()
        )
    # an article that says nothing is a story of its own
    return {article.article_id: found.get(article.article_id, ("alone", article.article_id)) for article in articles}


def fold(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Make ``int_news__stories`` hour by hour, as the materialization by_hour does."""
    connection.execute(
        "create or replace table intermediate.int_news__stories "
        "(hour timestamp, article_id varchar, story_id varchar, former_story_id varchar)"
    )
    hours = connection.execute("select distinct seen_hour from intermediate.int_news__terms order by 1").fetchall()
    for (hour,) in hours:
        connection.execute(f"set variable news_hour = '{hour}'")
        connection.execute(f"insert into intermediate.int_news__stories by name {sql}")


def without_time(models: Mapping[str, str], half_life: object) -> dict[str, str]:
    """The same models with a half-life that never ends: what the words alone can tell."""
    sql = models["int_news__stories"]
    changed = sql.replace(f"/ {half_life})", f"/ {NEVER})")
    if changed == sql:
        raise Stop("the half-life is not where it was in int_news__stories", FAILED)
    return {**models, "int_news__stories": changed}


def online_baseline(articles: Sequence[Article], threshold: float = 0.2) -> dict[str, Hashable]:
    """The plain way: TF-IDF of the words known so far, each article to the nearest centroid if it is near enough."""
    known: Counter = Counter()
    sums: list[dict[str, float]] = []
    having: dict[str, set[int]] = defaultdict(set)
    found: dict[str, Hashable] = {}
    for number, article in enumerate(articles, 1):
        words = Counter(re.findall(r"\w+", article.title.lower()))
        known.update(words.keys())
        vector = {word: count * (math.log((1 + number) / (1 + known[word])) + 1) for word, count in words.items()}
        length = math.sqrt(sum(value * value for value in vector.values())) or 1.0
        vector = {word: value / length for word, value in vector.items()}
        best, nearest = threshold, None
        for cluster in sorted(set().union(*(having[word] for word in vector))):
            centroid = sums[cluster]
            shared = sum(value * centroid.get(word, 0.0) for word, value in vector.items())
            likeness = shared / math.sqrt(sum(value * value for value in centroid.values()))
            if likeness > best:
                best, nearest = likeness, cluster
        if nearest is None:
            nearest = len(sums)
            sums.append({})
        for word, value in vector.items():
            sums[nearest][word] = sums[nearest].get(word, 0.0) + value
            having[word].add(nearest)
        found[article.article_id] = nearest
    return found


def by_hour_alone(articles: Iterable[Article]) -> dict[str, Hashable]:
    """What the hour alone tells: everything published in one hour is one story."""
    return {article.article_id: article.published_at.replace(minute=0, second=0, microsecond=0) for article in articles}


def b_cubed(truth: Mapping[str, str], found: Mapping[str, Hashable]) -> dict[str, float]:
    """Precision, recall and F1 over articles: of those put together with it, how many belong to it; and the reverse."""
    both = Counter((story, found[article]) for article, story in truth.items())
    stories, clusters = Counter(truth.values()), Counter(found[article] for article in truth)
    precision = sum(count * count / clusters[cluster] for (_, cluster), count in both.items()) / len(truth)
    recall = sum(count * count / stories[story] for (story, _), count in both.items()) / len(truth)
    return {
        "bcubed_precision": precision,
        "bcubed_recall": recall,
        "bcubed_f1": 2 * precision * recall / (precision + recall),
        "clusters": len(clusters),
    }
