"""How long the dashboard waits for its numbers: every metric and every query of its pages, over a year of data.

    python -m scripts.bench.questions [--limit 100]

What is published under NIGHTSHIFT_HOME is laid out over a year in a scratch file (its own days, then again 91, 182 and
273 days earlier, as far as the marts behind metrics go). Each question is asked six times on one connection; the first
answer warms the cache and the best of the others counts, so that a busy machine is not measured instead. MetricFlow's
writing of the SQL, which the dashboard does once a night and question, is not in it.

Exit code 1: a question took longer than the limit, in milliseconds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import duckdb

from scripts.console import Stop, table
from scripts.files import read_json
from scripts.home import folder
from scripts.metrics import SEMANTICS, Metrics
from scripts.pages import pages
from scripts.published import current_folder
from scripts.warehouse import settings

SHIFTS = (91, 182, 273)
TIMES = 6


def over_a_year(published: Path, scratch: Path) -> None:
    """A copy of the published file in which the marts behind metrics have four times the days."""
    dated = {}
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
            known = {found.split("__")[-1] for found in metrics.dimensions_named(name)}
            for by in ("month", *sorted({"country", "plan_code"} & known)):
                yield page.name, f"{name} by {by}", metrics.ask([name], [by]).sql
        for number, query in enumerate(page.queries(), 1):
            if "$" not in query and "?" not in query:
                yield page.name, f"query {number}", query


@click.command()
@click.option("--limit", default=100.0, show_default=True, help="Milliseconds that a question may take.")
def main(limit: float) -> None:
    """Measure, print the slowest, and say whether all are within the limit."""
    here = current_folder()
    if here is None:
        raise Stop("nothing is published yet; run `./nightshift night`")
    with tempfile.TemporaryDirectory(dir=folder("spill")) as place:
        scratch = Path(place) / "marts.duckdb"
        over_a_year(here / "marts.duckdb", scratch)
        with duckdb.connect(config=settings()) as connection:
            connection.execute(f"attach '{scratch}' as warehouse (read_only); use warehouse")
            took = []
            for page, question, sql in questions(Metrics(scratch)):
                took.append((answered(connection, sql)[1], page, question))
    took.sort(reverse=True)
    rows = [(page, question, f"{milliseconds:.1f}") for milliseconds, page, question in took[:12]]
    click.echo(table(("page", "question", "ms"), rows))
    slow = sum(milliseconds > limit for milliseconds, _, _ in took)
    click.echo(
        f"{len(took)} questions over a year, median {took[len(took) // 2][0]:.1f} ms, {slow} above {limit:.0f} ms"
    )
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
