"""How often the watch over dumps cries for nothing, and whether it sees what is really wrong.

    python -m scripts.bench.alarms [--seed 1 --seed 2 --seed 3] [--days 95] [--worlds FOLDER] [--keep]

Each seed is a simulated world of its own, landed and judged as a night does it; nothing is built. A table-night is a
regular dump with more than two weeks of its own past. An alarm is false unless the world has planted an incident in
that table that day (``simulator/settings.py``; an album's launch, a track gone viral and a price rise are no
incidents). Then the last day's dumps are spoilt, one table and one incident at a time, and judged again; and logs lose
half of the rows of each of the last 28 days.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import click
import duckdb

from scripts import anomalies
from scripts.anomalies import FEWEST_DAYS, PLACES, Regular
from scripts.backends import Column, Table, load_all
from scripts.bench.page import keep
from scripts.console import say
from scripts.console import table as printed
from scripts.home import at_home, folder, home
from scripts.land import land_all
from scripts.simulate import write_days
from scripts.simulator.settings import Settings, Target

# What the simulator plants, by its name: the tables that are wrong on that day.
PLANTED = {
    "outage": ("playback.",),
    "wrong_invoice_lines": ("billing.invoice_lines",),
    "wrong_plays": ("playback.plays",),
    "accounts_missing": ("members.accounts",),
    "tracks_late": ("catalog.tracks",),
    "clock_off": ("billing.payments",),
    "news_flood": ("newsroom.",),
}
# A table is spoilt if it usually has so many rows: half of ten rows is a quiet day.
ENOUGH_ROWS = 300
TABLE_NIGHTS = """
    select count(*) from (
        select count(*) over (
            partition by backend, table_name order by day range between interval 28 days preceding and current row
        ) as days_so_far
        from (select distinct backend, table_name, day from regular)
    ) where days_so_far > ? + 1
"""
ALARMS = """
    select concat(backend, '.', table_name), night, severity, string_agg(sentence, '; ' order by sentence)
    from ops.anomalies group by all order by night, 1
"""


@dataclass
class World:
    """One seed's dumps, measured and judged."""

    tables: Mapping[str, Table]
    connection: duckdb.DuckDBPyConnection
    found: dict[str, list[Regular]]
    last: date

    def rows(self, label: str, day: date) -> int:
        """How many rows a table's dumps of a day have."""
        backend, name = label.split(".")
        asked = (
            "select coalesce(sum(amount), 0) from ops.measures "
            "where measure = 'rows' and (backend, table_name, arrived_on) = (?, ?, ?)"
        )
        return int(self.connection.execute(asked, [backend, name, day]).fetchone()[0])


@click.command()
@click.option("--seed", "seeds", type=int, multiple=True, default=(1, 2, 3), show_default=True)
@click.option("--days", default=95, show_default=True, help="How long each world lasts.")
@click.option("--worlds", type=click.Path(path_type=Path), help="Where worlds stay and are found again.")
@click.option("--keep", "keeps", is_flag=True, help="Keep the figures.")
def main(seeds: tuple[int, ...], days: int, worlds: Path | None, keeps: bool) -> None:
    """Print false alarms by seed, and how many of the incidents that were put in are found."""
    rows, spoilt, seen, halved, noticed = [], Counter(), Counter(), Counter(), Counter()
    for seed in seeds:
        settings = Settings(seed=seed, days=days)
        with _home(worlds, settings) as place, at_home(place):
            world = _landed(settings)
            nights, of_planted, false = _judged(world, settings)
            rows.append([seed, nights, of_planted, len(false), nights // len(false) if false else None])
            for text in false:
                say("alarms", f"seed {seed}: {text}")
            for incident, table, is_found in _spoilt(world):
                spoilt[incident] += 1
                seen[incident] += is_found
                if not is_found:
                    say("alarms", f"seed {seed}: not seen: {incident} in {table}")
            for table, is_found in _halved(world):
                halved[table] += 1
                noticed[table] += is_found
    nights, false = sum(row[1] for row in rows), sum(row[3] for row in rows)
    rows.append(["together", nights, sum(row[2] for row in rows), false, nights // false if false else None])
    rates = {"head": ["seed", "table-nights", "alarms at incidents", "false alarms", "one in"], "rows": rows}
    found = {"head": ["incident", "spoilt", "seen"], "rows": [[name, spoilt[name], seen[name]] for name in spoilt]}
    half = {"head": ["half of", "days", "seen on"], "rows": [[name, halved[name], noticed[name]] for name in halved]}
    for part in (rates, found, half):
        print(printed(part["head"], part["rows"]), end="\n\n")
    if keeps:
        keep("alarms", {"days": days, "tables": [rates, found, half]})


@contextmanager
def _home(worlds: Path | None, settings: Settings) -> Iterator[Path]:
    """The home of one world, for as long as the block lasts or for longer."""
    if worlds:
        place = worlds.resolve() / f"{settings.seed}-{settings.days}"
        place.mkdir(parents=True, exist_ok=True)
        yield place
    else:
        with tempfile.TemporaryDirectory(dir=folder("spill")) as place:
            yield Path(place)


def _landed(settings: Settings) -> World:
    """A world's dumps in a landing of their own, measured."""
    target = Target(folder("inbox"), None, (), "files", None)
    if not (made := home() / ".world-is-made").exists():
        write_days(settings, target, range(settings.days), os.cpu_count() or 1)
        made.touch()
    land_all()
    tables = {t.label: t for b in load_all().values() for t in b.tables.values() if t.kind != "commitment"}
    connection, last = duckdb.connect(), settings.date(settings.days - 1)
    connection.execute(anomalies.SCHEMA)
    found = anomalies.regular_dumps(connection, tables, settings.start, last)
    for label, of_table in found.items():
        anomalies.measure(connection, tables[label], of_table)
    return World(tables, connection, found, last)


def _judged(world: World, settings: Settings) -> tuple[int, int, list[str]]:
    """Table-nights, those of them with an incident that gave an alarm, and the false alarms in words."""
    anomalies.judge(world.connection, world.found, settings.start, world.last)
    (nights,) = world.connection.execute(TABLE_NIGHTS, [FEWEST_DAYS]).fetchone()
    alarms: dict[tuple[str, date], str] = {}
    for label, night, severity, sentence in world.connection.execute(ALARMS).fetchall():
        alarms[label, night] = f"{night} {label} {severity}: {sentence}"
    wrong = {(settings.date(settings.incidents.all_days[name]), start) for name in PLANTED for start in PLANTED[name]}
    true = {place for place in alarms if any(place[1] == day and place[0].startswith(start) for day, start in wrong)}
    return nights, len(true), [text for place, text in alarms.items() if place not in true]


def _spoilt(world: World) -> Iterator[tuple[str, str, bool]]:
    """Each incident put into each table's last day that can have it, and whether an alarm followed."""
    days = [world.last - timedelta(days=n) for n in range(29)]
    for label, of_table in sorted(world.found.items()):
        today = [each for each in of_table if each.dump.arrived_on == str(world.last)]
        before = [each for each in of_table if each.dump.arrived_on == str(days[1])]
        usual = [world.rows(label, day) for day in days]
        if not today or not before or min(usual) < ENOUGH_ROWS:
            continue
        table = world.tables[label]
        for incident, change in _incidents(world, table, today):
            with _changed(world, table, today, change) as changed:
                yield incident, label, _is_odd(world, label, [*of_table[: -len(today)], *changed])
        again = [replace(each, content=before[n % len(before)].content) for n, each in enumerate(today)]
        if table.kind == "snapshot" and len({each.content for each in of_table}) == len(of_table):
            yield "yesterday's dump again", label, _is_odd(world, label, [*of_table[: -len(today)], *again])


def _halved(world: World) -> Iterator[tuple[str, bool]]:
    """Of each log, for each of the last 28 days: whether half of the day's rows would have been an alarm."""
    ops = world.connection
    days = [world.last - timedelta(days=n) for n in range(28)]
    for label, of_table in sorted(world.found.items()):
        if world.tables[label].kind != "log" or min(world.rows(label, day) for day in days) < ENOUGH_ROWS:
            continue
        backend, name = label.split(".")
        for day in days:
            place = [backend, name, day]
            these = "where (backend, table_name, arrived_on) = (?, ?, ?) and measure = 'rows'"
            until = [each for each in of_table if each.dump.arrived_on <= str(day)]
            ops.execute(f"update ops.measures set amount = amount / 2 {these}", place)
            anomalies.judge(ops, {label: until}, day, day)
            asked = "select count(*) from ops.anomalies where (backend, table_name, night, measure) = (?, ?, ?, 'rows')"
            yield label, ops.execute(asked, place).fetchone()[0] > 0
            ops.execute(f"update ops.measures set amount = amount * 2 {these}", place)


def _incidents(world: World, table: Table, today: Sequence[Regular]) -> Iterator[tuple[str, str]]:
    """Name and query (of ``made``, the table's rows) of what can go wrong with it."""
    yield "half the table missing", "select * from made where hash(made) % 2 = 0"
    yield "everything twice", "from made union all from made"
    columns = [column for column in table.columns if column.landed]
    money = next((c.name for c in columns if c.landed_type.startswith("decimal")), None)
    if money:
        yield "prices × 100", f'select * replace ("{money}" * 100 as "{money}") from made'
    for column in columns:
        if PLACES.search(column.name):
            yield from _of_places(world, column, today)
    stuck = next((c.name for c in columns if _is_lively(world, table, c)), None)
    if stuck:
        yield "a stuck column", f'select * replace ((select any_value("{stuck}") from made) as "{stuck}") from made'
    if table.kind == "log" and _is_round_the_clock(world, table):
        yield "an hour off", "select * replace (_event_at + interval 1 hour as _event_at) from made"


def _of_places(world: World, column: Column, today: Sequence[Regular]) -> Iterator[tuple[str, str]]:
    """The commonest country is gone; the commonest currency and one half as common are taken for each other."""
    counted = world.connection.execute(
        f'select "{column.name}", count(*) from read_parquet($1) group by 1 order by 2 desc, 1',
        [[file for each in today for file in each.files]],
    ).fetchall()
    common = [value for value, number in counted if value is not None and number >= 60]
    rarer = [value for value, number in counted if value is not None and 30 <= number <= counted[0][1] / 2]
    if column.name.endswith(("country", "territory")) and len(common) > 1:
        yield "a country gone", f"select * from made where \"{column.name}\" is distinct from '{common[0]}'"
    if column.name.endswith("currency") and common and rarer:
        first, second = common[0], rarer[0]
        swapped = (
            f"case \"{column.name}\" when '{first}' then '{second}' when '{second}' then '{first}' "
            f'else "{column.name}" end'
        )
        yield "currency swapped", f'select * replace ({swapped} as "{column.name}") from made'


def _is_lively(world: World, table: Table, column: Column) -> bool:
    """True if a column has always had many values and is no key, which would be seen as duplicates."""
    asked = (
        "select coalesce(min(amount), 0) from ops.measures "
        "where (backend, table_name, measure) = (?, ?, ?) and arrived_on >= ?"
    )
    values = [table.backend, table.name, f"values of {column.name}", world.last - timedelta(days=28)]
    return column.name not in (table.key or ()) and world.connection.execute(asked, values).fetchone()[0] >= 10


def _is_round_the_clock(world: World, table: Table) -> bool:
    asked = (
        "select count(distinct measure) from ops.measures "
        "where (backend, table_name, arrived_on) = (?, ?, ?) and starts_with(measure, 'rows at hour ')"
    )
    return world.connection.execute(asked, [table.backend, table.name, world.last]).fetchone()[0] >= 20


@dataclass(frozen=True)
class Spoilt(Regular):
    """A dump whose rows lie elsewhere."""

    file: str = ""

    @property
    def files(self) -> list[str]:
        """The one file."""
        return [self.file]


@contextmanager
def _changed(world: World, table: Table, today: Sequence[Regular], change: str) -> Iterator[list[Regular]]:
    """The day's dumps with other rows, measured as such for as long as the block lasts."""
    ops = world.connection
    ids = [each.dump.dump_id for each in today]
    these = "ops.measures where dump_id in (select unnest(?))"
    ops.execute(f"create or replace temp table kept as select * from {these}", [ids])
    ops.execute(f"delete from {these}", [ids])
    with tempfile.TemporaryDirectory() as place:
        changed = []
        for number, each in enumerate(today):
            file = f"{place}/{number}.parquet"
            made = "select * from read_parquet($1, union_by_name = true, hive_partitioning = false)"
            ops.execute(f"create or replace temp table made as {made}", [each.files])
            ops.execute(f"copy ({change}) to '{file}' (format parquet)")
            changed.append(Spoilt(each.dump, each.content, each.is_snapshot, each.is_monthly, file))
        anomalies.measure(ops, table, changed)
        yield changed
    ops.execute(f"delete from {these}", [ids])
    ops.execute("insert into ops.measures from kept")


def _is_odd(world: World, label: str, dumps: Sequence[Regular]) -> bool:
    """Whether the last day of one table gives an alarm."""
    anomalies.judge(world.connection, {label: dumps}, world.last, world.last)
    backend, name = label.split(".")
    asked = "select count(*) from ops.anomalies where (backend, table_name, night) = (?, ?, ?)"
    return world.connection.execute(asked, [backend, name, world.last]).fetchone()[0] > 0


if __name__ == "__main__":
    main()
