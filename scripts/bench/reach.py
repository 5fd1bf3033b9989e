"""How many different people listened over a span of days: exact, and by sketches that are put together.

    python -m scripts.bench.reach [--listeners 200000] [--days 360]

Some of so many members listen each day, those with low numbers most often. The model ``fct_listener_sketches`` (its own
SQL, as the last build under NIGHTSHIFT_HOME compiled it) makes the days' sketches. Then each span is asked both ways on
one connection, as the dashboard's questions are (``scripts.bench.questions``): the best of five.
"""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

import click
import duckdb

from scripts.bench.page import keep
from scripts.bench.questions import answered
from scripts.console import Stop, table
from scripts.dbt_process import manifest
from scripts.home import PROJECT, folder
from scripts.warehouse import settings

SPANS = (1, 7, 30, 90, 360)
LISTENING = """
    create table warehouse.intermediate.int_member_listening_daily as
    select date '2025-01-01' + cast(day as integer) as played_on, md5('member' || member) as account_id,
        ['DE', 'FR', 'GB', 'US', 'ES', 'IT', 'BR', 'JP'][1 + member % 8] as country
    from range({days}) as days(day), range({listeners}) as members(member)
    where hash(day, member) % 1000 < 30 + 500 * power(1 - member / {listeners}, 4)
"""
EXACT = "select count(distinct account_id) from intermediate.int_member_listening_daily where played_on between "


def documented_query() -> str:
    """The query of docs/connect.md, for all countries."""
    query = re.search(r'reach = """(.*?)"""', (PROJECT / "docs/connect.md").read_text(), re.DOTALL)
    assert query is not None
    return query[1].replace(" and country in ('DE', 'FR')", "")


@click.command()
@click.option("--listeners", default=200_000, show_default=True, help="Members there are.")
@click.option("--days", default=360, show_default=True, help="Days they listen.")
def main(listeners: int, days: int) -> None:
    """Measure, print the table and keep the figures for docs/performance.md."""
    model = manifest()["nodes"].get("model.nightshift.fct_listener_sketches", {}).get("compiled_code")
    if not model:
        raise Stop("no build has compiled fct_listener_sketches yet; run `./nightshift build`")
    rows = []
    with tempfile.TemporaryDirectory(dir=folder("spill")) as place, duckdb.connect(config=settings()) as connection:
        connection.execute(f"attach '{Path(place) / 'scratch.duckdb'}' as warehouse; use warehouse")
        connection.execute("create schema intermediate; create schema core")
        connection.execute(LISTENING.format(days=days, listeners=listeners))
        began = time.perf_counter()
        connection.execute(f"create table core.fct_listener_sketches as {model}")
        made = time.perf_counter() - began
        [(listened,)] = connection.execute("select count(*) from intermediate.int_member_listening_daily").fetchall()
        [(kept,)] = connection.execute("select count(*) from core.fct_listener_sketches").fetchall()
        for span in [span for span in SPANS if span <= days]:
            between = f"date '2025-01-01' and date '2025-01-01' + {span - 1}"
            [(exact,)], exact_ms = answered(connection, EXACT + between)
            asked = re.sub(r"between date '[-\d]+' and date '[-\d]+'", f"between {between}", documented_query())
            [(approx,)], approx_ms = answered(connection, asked)
            off = round(100 * (approx / exact - 1), 2)
            took = {"exact_ms": round(exact_ms, 1), "approx_ms": round(approx_ms, 1)}
            rows.append({"days": span, "exact": exact, "approx": int(approx), "off_percent": off, **took})
    figures = {"listening_rows": listened, "sketch_rows": kept, "made_seconds": round(made, 2), "rows": rows}
    keep("reach", figures)
    cells = [
        [f"{row[key]:,}" for key in ("days", "exact", "exact_ms", "approx", "approx_ms", "off_percent")] for row in rows
    ]
    click.echo(table(("days", "exact", "ms", "by sketches", "ms", "off by, %"), cells))
    click.echo(f"{kept:,} rows of sketches of {listened:,} rows of listening, made in {made:.1f} s")


if __name__ == "__main__":
    main()
