"""How long the dashboard waits for its numbers: every metric and every query of its pages, over a year of data.

    python -m scripts.bench.questions [--keep]

Twice: as much as is published, within 100 milliseconds a question, and a year of a million plays a day (360 million),
within a second. What is published under NIGHTSHIFT_HOME is laid out over a year in a scratch file (its own days, then
again 91, 182 and 273 days earlier, as far as the marts behind metrics go). Each question is asked six times on one
connection; the first answer warms the cache and the best of the others counts, so that a busy machine is not measured
instead. MetricFlow's writing of the SQL, which the dashboard does once a night and question, is not in it.

The second year holds the aggregates of so many plays: every row of the marts behind metrics stands as many times as
there are more plays than in what is published, under countries of its own. That is more than there would ever be: a
play adds at most a row to an aggregate, and mostly a number to one that is there.

Exit code 1: a question took longer than its limit.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import duckdb

from scripts.bench.page import keep
from scripts.console import Stop, table
from scripts.files import read_json
from scripts.home import folder
from scripts.metrics import SEMANTICS, Metrics
from scripts.pages import pages
from scripts.published import current_folder
from scripts.warehouse import settings

SHIFTS = (91, 182, 273)
# Plays a day (none: as published), and the milliseconds that a question may take.
SCALES = ((None, 100), (1_000_000, 1000))
SHOWN = 3
TIMES = 6


def over_a_year(published: Path, scratch: Path, plays_a_day: int | None = None) -> int:
    """A copy of the published file in which the marts behind metrics have four times the days.

    ``plays_a_day``: and as many rows as so many plays could at most make. Returns the rows of these marts.
    """
    dated, total = {}, 0
    for model in read_json(folder("target") / SEMANTICS)["semantic_models"]:
        relation = model["node_relation"]
        day = next(d for d in model["dimensions"] if d["type"] == "time")
        dated[relation["schema_name"], relation["alias"]] = day["expr"] or day["name"]
    with duckdb.connect(str(scratch), config=settings()) as connection:
        connection.execute(f"attach '{published}' as published (read_only)")
        asked = {tuple(mart.split(".")) for page in pages() for mart in page.marts}
        found = connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'published'"
        ).fetchall()
        times = 1
        if plays_a_day:
            daily = "select sum(plays) / count(distinct played_on) from published.business.listening_daily"
            times = max(1, math.ceil(plays_a_day / connection.execute(daily).fetchone()[0]))
        for schema, name in sorted({*dated, *asked, ("core", "dim_date")} & set(found)):
            connection.execute(f"create schema if not exists {schema}")
            source = f'published.{schema}."{name}"'
            connection.execute(f'create table {schema}."{name}" as from {source}')
            if day := dated.get((schema, name)):
                for days in SHIFTS:
                    connection.execute(
                        f'insert into {schema}."{name}" select * replace (cast({day} - {days} as date) as {day}) '
                        f"from {source}"
                    )
                total += _repeated(connection, f'{schema}."{name}"', times)
    return total


def _repeated(connection: duckdb.DuckDBPyConnection, mart: str, times: int) -> int:
    """Puts each row of a mart in it ``times`` times, each time under another country; returns its rows then."""
    columns = {column for column, *_ in connection.execute(f"describe {mart}").fetchall()}
    named = "replace (country || '-' || copy as country) " if "country" in columns else ""
    if times > 1:
        connection.execute(
            f"insert into {mart} select * exclude (copy) {named}from {mart}, range(1, {times}) as copies(copy)"
        )
    return connection.execute(f"select count(*) from {mart}").fetchone()[0]


def answered(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[tuple[Any, ...]], float]:
    """The answer, and the shortest time it took in milliseconds, the first one aside."""
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        rows = connection.execute(sql).fetchall()
        took.append(1000 * (time.perf_counter() - began))
    return rows, min(took[1:])


def questions(metrics: Metrics) -> Iterator[tuple[str, str, str]]:
    """Page, question and SQL: metrics by day and by country where they know it, and what the page reads of marts."""
    for page in pages():
        for name in sorted(page.metrics):
            known = metrics.dimensions_called(name)
            for by in ("month", *sorted({"country", "plan_code"} & known)):
                yield page.name, f"{name} by {by}", metrics.ask([name], [by]).sql
        for number, query in enumerate(page.queries(), 1):
            if "$" not in query and "?" not in query:
                yield page.name, f"query {number}", query


def measured(published: Path, plays_a_day: int | None, limit: int) -> dict[str, Any]:
    """The rows asked of, the questions' times and the slowest of them, at one scale."""
    with tempfile.TemporaryDirectory(dir=folder("spill")) as place:
        scratch = Path(place) / "marts.duckdb"
        total = over_a_year(published, scratch, plays_a_day)
        with duckdb.connect(config=settings()) as connection:
            connection.execute(f"attach '{scratch}' as warehouse (read_only); use warehouse")
            took = sorted(
                ((answered(connection, sql)[1], page, question) for page, question, sql in questions(Metrics(scratch))),
                reverse=True,
            )
    return {
        "plays_a_day": plays_a_day,
        "rows": total,
        "questions": len(took),
        "median_ms": round(took[len(took) // 2][0], 1),
        "limit_ms": limit,
        "slow": sum(milliseconds > limit for milliseconds, *_ in took),
        "slowest": [{"page": p, "question": q, "ms": round(ms, 1)} for ms, p, q in took[:SHOWN]],
    }


@click.command()
@click.option("--keep", "keeps", is_flag=True, help="Keep the figures for docs/performance.md.")
def main(keeps: bool) -> None:
    """Measure, print the slowest, and say whether all are within the limits."""
    here = current_folder()
    if here is None:
        raise Stop("nothing is published yet; run `./nightshift night`")
    found = [measured(here / "marts.duckdb", plays_a_day, limit) for plays_a_day, limit in SCALES]
    for scale in found:
        rows = [(slow["page"], slow["question"], str(slow["ms"])) for slow in scale["slowest"]]
        click.echo(table(("page", "question", "ms"), rows))
        click.echo(
            f"{scale['questions']} questions over a year ({scale['rows']:,} rows), median {scale['median_ms']} ms, "
            f"{scale['slow']} above {scale['limit_ms']} ms"
        )
    if keeps:
        keep("questions", {"scales": found})
    sys.exit(1 if any(scale["slow"] for scale in found) else 0)


if __name__ == "__main__":
    main()
