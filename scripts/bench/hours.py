"""An hour with 5,000 new articles, from the newsroom's files to what readers see: after three days, and after a year.

    .venv/bin/python -m scripts.bench.hours

History lies in the landing as the newsroom's files of each hour would have left it, and in the inbox as far back as the
originals are kept. Of a year, the stories of all but its last three days are taken as known, so that its 8,760 hours
need not be gone through one by one; from there on every hour is the product's own. Then single hours arrive as files,
now here, now there, and are measured by the clock and by the processor.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import click
import duckdb

from scripts.backends import Table, load_all
from scripts.bench.page import RESULTS, keep
from scripts.bench.world import PART, put_manifest
from scripts.build import prepare
from scripts.dbt_process import dbt_ahead, run_dbt
from scripts.home import PROJECT, at_home
from scripts.landing.inbox import Shipment, SourceFile
from scripts.landing.store import content_id
from scripts.landing.streams import sha256
from scripts.lock import night_lock
from scripts.news.project import own_home, own_project
from scripts.retention import retention
from scripts.warehouse import rows_hash, warehouse

END = datetime(2026, 3, 1, 10)
REACH = 72
COUNTRIES = "['US', 'GB', 'DE', 'FR', 'IE', 'CA']"
SECTIONS = "['music', 'business', 'culture', 'technology', 'live']"

# A story has four articles in the mean, within three hours; of ten words of a title five are its own, the others
# anybody's, as unevenly used as those of a language (Zipf). An article's id tells its story, which nothing reads but
# what stands in for the folding of a year.
ARTICLES = """
    create or replace table written as
    with numbered as (
        select hour, number, hour - interval 1 hour * cast(hash(hour, number) % 3 as integer) as began,
            cast(hash(hour, number, 'story') % greatest($usual // 4, 1) as integer) as story
        from range($first, $last + interval 1 hour, interval 1 hour) as hours (hour)
        cross join range($usual) as numbers (number)
    ),
    worded as (
        select hour, number, began, story, string_agg(
            case
                when place % 2 = 0 then left(md5(concat(began, story, hash(hour, number, place) % 7)), 7)
                else concat('w', left(md5(cast(floor(exp(hash(hour, number, place, 'word') % 1000000 / 1e6 * ln(40000)))
                    as varchar)), 6))
            end, ' ' order by place) as title
        from numbered
        cross join range(10) as places (place)
        group by hour, number, began, story
    )
    select hour, concat(strftime(began, '%Y%m%dT%H-'), lpad(cast(story as varchar), 5, '0'), '-', strftime(hour, '%H'),
            lpad(cast(number as varchar), 5, '0')) as article_id,
        concat('outlet ', hash(hour, number, 'outlet') % 60) as outlet, title, concat(title, '.') as lead,
        'en' as language, list_extract({countries}, cast(hash(story, number) % 6 as integer) + 1) as country,
        list_extract({sections}, cast(story % 5 as integer) + 1) as section,
        concat('https://news.example/', strftime(hour, '%Y/%m/%d/%H'), '/', number) as url,
        hour + interval 1 second * cast(number % 3600 as integer) as published_at, published_at as updated_at,
        cast(null as varchar) as correction_of, false as is_retracted
    from worded
"""
EVENTS = """
    create or replace table read as
    with numbered as (
        select hour, number, row_number() over (order by hour, number) as of_all
        from range($first, $last + interval 1 hour, interval 1 hour) as hours (hour)
        cross join range($usual * 4) as numbers (number)
    ),
    told as (
        select article_id, country, row_number() over (order by hour, article_id) as of_all
        from written
    )
    select numbered.hour, md5(concat(numbered.hour, numbered.number)) as event_id, told.article_id,
        md5(concat('reader', hash(numbered.hour, numbered.number) % 20000)) as reader_id,
        case when numbered.number % 4 = 0 then 'read' else 'impression' end as event, told.country,
        case when numbered.number % 4 = 0 then 30000 end as dwell_ms,
        numbered.hour + interval 1 second * cast(numbered.number % 3600 as integer) as occurred_at
    from numbered
    inner join told on told.of_all = (numbered.of_all - 1) // 4 + 1
"""


@click.command()
@click.option("--history", default=f"{REACH},8760", show_default=True, help="Hours of history, one world for each.")
@click.option("--usual", default=100, show_default=True, help="Articles of an ordinary hour.")
@click.option("--new", default=5000, show_default=True, help="Articles of the hours that are measured.")
@click.option("--times", default=3, show_default=True, help="Such hours, and ordinary ones, in each world.")
@click.option(
    "--make/--made", default=True, show_default=True, help="Make the worlds, or measure in those made before."
)
@click.option("--measure/--no-measure", default=True, show_default=True, help="Measure, or make the worlds only.")
@click.option("--home", type=click.Path(path_type=Path), default=Path("var/bench/hours"), show_default=True)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder of the figures.")
def main(history: str, usual: int, new: int, times: int, make: bool, measure: bool, home: Path, results: Path) -> None:
    """Print a line for each world and keep the figures for docs/performance.md."""
    worlds = {hours: home.resolve() / str(hours) for hours in sorted(map(int, history.split(",")))}
    if make:
        for hours, root in worlds.items():
            began = time.monotonic()
            world(root, hours, usual)
            click.echo(f"{hours} hours of {usual} articles, made in {time.monotonic() - began:.0f} s")
    if not measure:
        return
    took: dict[tuple[int, str], list[tuple[float, float]]] = {(h, n): [] for h in worlds for n in ("ordinary", "busy")}
    for name, articles in (("ordinary", usual), ("busy", new)):
        for _ in range(times):
            for hours, root in worlds.items():
                ship(root, next_hour(root), articles)
                took[hours, name].append(hour(root))
    rows = []
    for hours in worlds:
        row = {"hours": hours, "articles": hours * usual, "times": times}
        for name in ("ordinary", "busy"):
            row[f"{name}_seconds"] = round(statistics.median(t[0] for t in took[hours, name]), 1)
            row[f"{name}_cpu_seconds"] = round(statistics.median(t[1] for t in took[hours, name]), 1)
        rows.append(row)
        click.echo("  ".join(f"{name} {value}" for name, value in row.items()))
    names = [f"{name}_{of}" for name in ("ordinary", "busy") for of in ("seconds", "cpu_seconds")]
    ratios = {name: round(rows[-1][name] / rows[0][name], 2) for name in names}
    keep("hours", {"new": new, "usual": usual, "ratios": ratios, "rows": rows}, results)


def next_hour(root: Path) -> datetime:
    """The hour after the newest that was shipped since the world was made."""
    slots = sorted(path for path in (root / "inbox" / "newsroom").glob("*/T*"))
    if not slots:
        return END + timedelta(hours=1)
    newest = slots[-1]
    return max(datetime.fromisoformat(f"{newest.parent.name}{newest.name}:00"), END) + timedelta(hours=1)


def world(root: Path, hours: int, usual: int) -> None:
    """A home with so many hours of history up to END, its warehouse up to date."""
    shutil.rmtree(root, ignore_errors=True)
    first = END - timedelta(hours=hours - 1)
    land(root, first, usual)
    known_until = END - timedelta(hours=REACH)
    if first < known_until:
        hour(root, first)
        with at_home(root), night_lock("hour", "hour") as lock, own_home():
            with warehouse() as connection:
                prepare(connection, END.date())
            with dbt_ahead(lock, own_project()) as dbt:
                wanted = ["build", "--select", "+int_news__terms", "--exclude-resource-type", "unit_test"]
                run = run_dbt(wanted, lock, target="hour", ahead=dbt)
            if run.exit_code:
                sys.exit(f"the terms of history were not made: {run.messages} {[r for r in run.results if r.is_bad]}")
            with warehouse() as connection:
                take_as_known(connection, known_until)
    hour(root)


def land(root: Path, first: datetime, usual: int) -> None:
    """The dumps of every hour, in the landing's form; of the last days the newsroom's files, too."""
    kept_since = END - timedelta(days=retention()["inbox"]["days"])
    tables = load_all()["newsroom"].tables
    with duckdb.connect(config={"threads": 2, "memory_limit": "4GB", "temp_directory": str(root / "spill")}) as made:
        made.execute("set TimeZone = 'UTC'")
        # some days at a time: while they are written, DuckDB holds a buffer for each hour
        while first <= END:
            given = {"first": first, "last": min(first + timedelta(hours=479), END), "usual": usual}
            made.execute(ARTICLES.format(countries=COUNTRIES, sections=SECTIONS), given)
            made.execute(EVENTS, given)
            for name, source in (("articles", "written"), ("reader_events", "read")):
                for at, path, rows in written(made, tables[name], source, root / "cut" / f"{first:%Y%m%d%H}" / name):
                    shipped = original(made, tables[name], source, at, root) if at > kept_since else None
                    put(root / "landing" / "newsroom" / name, tables[name], at, path, rows, shipped)
            first = given["last"] + timedelta(hours=1)
    shutil.rmtree(root / "cut")


def written(
    made: duckdb.DuckDBPyConnection, table: Table, source: str, folder: Path
) -> Iterator[tuple[datetime, Path, int]]:
    """A Parquet file for every hour of a table: the hour, where it lies, its rows."""
    own = {
        "_event_at": table.event_at,
        "_event_on": f"cast({table.event_at} as date)",
        "_covers_on": "cast(hour as date)",
        "_arrived_on": "cast(hour as date)",
        "_dump_id": f"left(md5(concat('{table.name}', hour)), 16)",
        "_source_file": f"'{table.name}.jsonl.gz'",
        "_source_line": "row_number() over (partition by hour)",
    }
    columns = ", ".join(f"cast({own.get(c.name, c.name)} as {c.landed_type}) as {c.name}" for c in table.landed)
    ids = ", ".join(f"{c.name}: {c.field_id}" for c in table.landed)
    folder.mkdir(parents=True)
    made.execute("set partitioned_write_max_open_files = 500")
    made.execute(
        f"copy (select {columns}, strftime(hour, '%Y-%m-%dT%H') as slot from {source} order by hour) to '{folder}' "
        f"(format parquet, partition_by (slot), field_ids {{{ids}}}, compression zstd)"
    )
    for at, rows in made.execute(f"select hour, count(*) from {source} group by hour order by hour").fetchall():
        (path,) = (folder / f"slot={at:%Y-%m-%dT%H}").glob("*.parquet")
        yield at, path, rows


def original(made: duckdb.DuckDBPyConnection, table: Table, source: str, at: datetime, root: Path) -> str:
    """One hour's file in the inbox, and what landing calls its content."""
    place = slot(root, at)
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{table.name}.jsonl.gz"
    made.execute(
        f"copy (select * exclude (hour) from {source} where hour = ?) to '{path}' (format json, compression gzip)", [at]
    )
    file = SourceFile(path, path.name, path.stat().st_size)
    shipment = Shipment(table, at.date(), at.date(), f"{at:%Y-%m-%dT%H}", (file,))
    return content_id(shipment, {path: sha256(path)})


def put(folder: Path, table: Table, at: datetime, path: Path, rows: int, shipped: str | None) -> None:
    """Put one hour's file where landing would have put it."""
    place = folder / f"dt={at:%Y-%m-%d}" / hashlib.md5(f"{table.name}{at}".encode()).hexdigest()[:16]
    place.mkdir(parents=True)
    path.rename(place / PART)
    put_manifest(place, table, at.date(), rows, slot=f"{at:%Y-%m-%dT%H}", content_id=shipped)


def take_as_known(connection: duckdb.DuckDBPyConnection, until: datetime) -> None:
    """Stories of the hours up to one, as the ids of the articles tell them, on record as by_hour would have it."""
    described = connection.execute("describe intermediate.int_news__terms").fetchall()
    version = rows_hash([(name, kind) for name, kind, *_ in described])
    (logic,) = connection.execute("select max(logic) from ops.hours where relation = 'int_news__stories'").fetchone()
    connection.execute("delete from intermediate.int_news__stories; delete from ops.hours; delete from ops.hour_parts")
    connection.execute(
        "insert into intermediate.int_news__stories by name select distinct seen_hour as hour, article_id, "
        "concat(left(article_id, 12), right(left(article_id, 17), 5)) as story_id, "
        "cast(null as varchar) as former_story_id from intermediate.int_news__terms where seen_hour <= ?",
        [until],
    )
    connection.execute(
        "insert into ops.hour_parts select 'int_news__stories', days.day, days.output_hash, parts.hour, parts.version "
        f"from (select published_on as day, seen_hour as hour, {version} as version "
        "from intermediate.int_news__terms group by all) as parts "
        "inner join ops.fresh as days on days.relation = 'int_news__terms' and days.day = parts.day"
    )
    connection.execute(
        "insert into ops.hours select relation, hour, ?, md5(string_agg(concat(day, '=', version), ';' order by day)), "
        "cast(current_timestamp as timestamp) from ops.hour_parts where hour <= ? group by all",
        [logic, until],
    )


def slot(root: Path, at: datetime) -> Path:
    """Where the newsroom puts an hour's files."""
    return root / "inbox" / "newsroom" / f"{at:%Y-%m-%d}" / f"T{at:%H}"


def ship(root: Path, at: datetime, articles: int) -> None:
    """One hour's files in the inbox, as a newsroom ships them."""
    place = slot(root, at)
    place.mkdir(parents=True)
    with duckdb.connect(config={"threads": 2}) as made:
        given = {"first": at, "last": at, "usual": articles}
        made.execute(ARTICLES.format(countries=COUNTRIES, sections=SECTIONS), given)
        made.execute(EVENTS, given)
        for name, source in (("articles", "written"), ("reader_events", "read")):
            found = made.execute(f"select * exclude (hour) from {source}")
            names = [column[0] for column in found.description]
            with gzip.open(place / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
                for row in found.fetchall():
                    file.write(json.dumps(dict(zip(names, row, strict=True)), default=str) + "\n")


def hour(root: Path, at: datetime | None = None) -> tuple[float, float]:
    """One run of ``./nightshift hour``, as from cron by default: seconds by the clock and of the processor."""
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "scripts.nightshift", "hour", *([f"--at={at:%Y-%m-%dT%H:00Z}"] if at else [])],
        cwd=PROJECT,
        env={**os.environ, "NIGHTSHIFT_HOME": str(root)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{at or 'the newest hour'}: {done.stdout}{done.stderr}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - began, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


if __name__ == "__main__":
    main()
