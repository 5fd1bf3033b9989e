"""What is odd about the dumps of a night: measured once a dump, judged against their own past in SQL.

Measured of a dump: rows; nulls, zeros, negative numbers and the logarithms of amounts by column; rows for each country,
currency and plan, rows by hour of the day, how many values a column has, how many keys, and whether the very same files
came before. Judged are the regular dumps of each day of arrival (those about that very day), against the days before,
or the same weekday of the weeks before where that is the better guide, and the usual size of the difference, by medians
and quantiles, so that neither a trend nor a season nor an earlier accident is an alarm (``scripts/anomalies.sql``). How
often it is one nevertheless is known (``scripts/bench/alarms.py``). What comes later changes no verdict, so a warehouse
made anew has the same ones.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from scripts.backends import Column, Table, load_all
from scripts.dbt_process import nodes_below
from scripts.landed import Dump, dumps

# A dump is judged by what came in so many days before it (28, each against those before it); so many must have had one.
WINDOW_DAYS, FEWEST_DAYS = 60, 14
JUDGE = Path(__file__).with_name("anomalies.sql")
# Columns that say where, and in which money: few values, each of which should be there every day.
PLACES = re.compile(r"(^|_)(country|currency|territory|plan_code)$")
NUMBERS = re.compile(r"integer|bigint|double|decimal.*")

# ops.anomalies once more in the ledger's tables (macro ``ledger_columns``), for builds without this step.
SCHEMA = """
    create schema if not exists ops;
    create table if not exists ops.measures (
        version varchar, backend varchar, table_name varchar, dump_id varchar, arrived_on date, measure varchar,
        amount double
    );
    create table if not exists ops.shipped (
        backend varchar, table_name varchar, dump_id varchar, arrived_on date, covers_on date, content varchar,
        supersedes varchar[]
    );
    create table if not exists ops.judged (night date);
    create table if not exists ops.anomalies (
        backend varchar, table_name varchar, dump_id varchar, night date, measure varchar, severity varchar,
        found double, expected double, sentence varchar, is_tonight boolean
    );
"""


@dataclass(frozen=True)
class Regular:
    """A dump that arrived on the day it is about and that nothing replaced on that day."""

    dump: Dump
    content: str  # a hash of the files as they were shipped
    is_snapshot: bool = False
    is_monthly: bool = False

    @property
    def files(self) -> list[str]:
        """Its Parquet files."""
        return [str(path) for path in sorted(self.dump.path.glob("*.parquet"))]


def find(connection: duckdb.DuckDBPyConnection, night: date, tables: Mapping[str, Table] | None = None) -> None:
    """Judge the days of arrival up to a night that were not judged before, into ``ops.anomalies``; again the night.

    ``tables`` by label; without it all that backends ship by the YAML.
    """
    tables = tables or {t.label: t for b in load_all().values() for t in b.tables.values() if t.kind != "commitment"}
    connection.execute(SCHEMA)
    (last,) = connection.execute("select max(night) from ops.judged where night < ?", [night]).fetchone()
    # what a first load brings is measured as far back as the night is judged by; its own past is not judged
    since = min(last + timedelta(days=1), night) if last else night
    found = regular_dumps(connection, tables, since - timedelta(days=WINDOW_DAYS), night)
    for label, of_table in found.items():
        measure(connection, tables[label], of_table)
    judge(connection, found, since, night)


def regular_dumps(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Table], since: date, until: date
) -> dict[str, list[Regular]]:
    """The regular dumps of each table that arrived in some days; a manifest is read once (``ops.shipped``)."""
    there = [d for d in dumps(until) if d.arrived_on >= str(since) and f"{d.backend}.{d.table}" in tables]
    asked = "select backend, table_name, cast(arrived_on as varchar), dump_id, covers_on, content, supersedes"
    read = connection.execute(f"{asked} from ops.shipped where arrived_on >= ?", [since]).fetchall()
    known = {row[:4]: row[4:] for row in read}
    new = []
    for dump in there:
        place = _place(dump)
        if place not in known:
            manifest = dump.manifest()
            covers_on = date.fromisoformat(manifest["covers_on"])
            known[place] = (covers_on, _content(manifest), manifest.get("supersedes", []))
            new.append((*place, *known[place]))
    _insert(connection, "ops.shipped (backend, table_name, arrived_on, dump_id, covers_on, content, supersedes)", new)
    found: dict[str, list[Regular]] = defaultdict(list)
    replaced = {(d.backend, d.table, d.arrived_on, old) for d in there for old in known[_place(d)][2]}
    for dump in there:
        covers_on, content, _ = known[_place(dump)]
        if str(covers_on) == dump.arrived_on and _place(dump) not in replaced:
            table = tables[f"{dump.backend}.{dump.table}"]
            found[table.label].append(Regular(dump, content, table.kind == "snapshot", table.monthly))
    return found


def _place(dump: Dump) -> tuple[str, str, str, str]:
    return dump.backend, dump.table, dump.arrived_on, dump.dump_id


def _content(manifest: Mapping[str, Any]) -> str:
    files = sorted(file["sha256"] for file in manifest.get("source", []))
    return hashlib.sha256("".join(files).encode()).hexdigest()[:16] if files else manifest["dump_id"]


def measure(connection: duckdb.DuckDBPyConnection, table: Table, regular: Sequence[Regular]) -> None:
    """Count the dumps of one table that were not counted before, or were counted by another YAML."""
    columns = [c for c in table.columns if c.landed]
    shape = json.dumps([3, table.key, [(c.name, c.landed_type) for c in columns]])
    version = hashlib.sha256(shape.encode()).hexdigest()[:16]
    known = {
        row[0]
        for row in connection.execute(
            "select distinct dump_id from ops.measures where backend = ? and table_name = ? and version = ?",
            [table.backend, table.name, version],
        ).fetchall()
    }
    connection.execute(
        "delete from ops.measures where backend = ? and table_name = ? and version <> ?",
        [table.backend, table.name, version],
    )
    files = [file for each in regular if each.dump.dump_id not in known for file in each.files]
    for first in range(0, len(files), 100):
        connection.execute(
            f"insert into ops.measures {measured_sql(table, columns)}",
            {"version": version, "backend": table.backend, "table": table.name, "files": files[first : first + 100]},
        )


def measured_sql(table: Table, columns: Sequence[Column]) -> str:
    """A query over a table's files (``$files``): one row per dump and measure."""
    rows = "read_parquet($files, union_by_name = true, hive_partitioning = false)"
    measures = {"rows": "count(*)"}
    for column in columns:
        name = f'"{column.name}"'
        measures[f"nulls of {column.name}"] = f"count(*) - count({name})"
        measures[f"values of {column.name}"] = f"approx_count_distinct({name})"
        if NUMBERS.fullmatch(column.landed_type) and not column.name.endswith("_id"):
            size = f"abs(cast({name} as double))"
            has_size = f"{size} between 1e-300 and 1e300"
            # each logarithm is rounded, so that their sum is the same in any order
            measures[f"logarithms of {column.name}"] = (
                f"coalesce(sum(case when {has_size} then cast(ln({size}) as decimal(18, 9)) end), 0)"
            )
            measures[f"sizes of {column.name}"] = f"count(case when {has_size} then 1 end)"
            measures[f"zeros of {column.name}"] = f"count(case when {name} = 0 then 1 end)"
            measures[f"negatives of {column.name}"] = f"count(case when {name} < 0 then 1 end)"
    if table.key:
        key = ", ".join(f'"{name}"' for name in table.key if any(c.name == name for c in columns))
        measures["keys"] = f"count(distinct ({key}))" if key else "count(*)"
    if table.kind == "log":  # a clock or zone that is an hour off shows at the day's edges first
        for side, day in (("before", "_arrived_on"), ("after", "_arrived_on + interval 25 hour")):
            beside = f"_event_at >= {day} - interval 1 hour and _event_at < {day}"
            measures[f"rows of the hour {side} the day"] = f"count(case when {beside} then 1 end)"
    cells = ", ".join(_cell(_text(name), sql) for name, sql in measures.items())
    parts = [f"select _dump_id, _arrived_on, unnest([{cells}]) as cell from {rows} group by _dump_id, _arrived_on"]
    grouped = [(f"rows with {c.name} ", f'"{c.name}"') for c in columns if PLACES.search(c.name)]
    if table.kind == "log":
        grouped.append(("rows at hour ", "hour(_event_at)"))
    for name, value in grouped:
        cell = _cell(f"concat({_text(name)}, {value})", "count(*)")
        parts.append(
            f"select _dump_id, _arrived_on, {cell} from {rows} where {value} is not null "
            f"group by _dump_id, _arrived_on, {value}"
        )
    return (
        "select $version, $backend, $table, _dump_id, _arrived_on, cell.measure, cell.amount "
        f"from ({' union all '.join(parts)}) as measured"
    )


def _cell(name: str, amount: str) -> str:
    return f"struct_pack(measure := {name}, amount := cast({amount} as double))"


def judge(
    connection: duckdb.DuckDBPyConnection, found: Mapping[str, Sequence[Regular]], since: date, night: date
) -> None:
    """Judge the days of arrival from one to a night, by what was measured of the dumps found."""
    rows = [
        (
            each.dump.backend,
            each.dump.table,
            each.dump.dump_id,
            each.dump.arrived_on,
            each.content,
            each.is_snapshot,
            each.is_monthly,
        )
        for of_table in found.values()
        for each in of_table
    ]
    connection.execute("begin")
    connection.execute(
        "create or replace temp table regular "
        "(backend varchar, table_name varchar, dump_id varchar, day date, content varchar, is_snapshot boolean, "
        "is_monthly boolean)"
    )
    _insert(connection, "regular", rows)
    connection.execute(
        "create or replace temp table unjudged as select distinct day as night from regular where day >= ?", [since]
    )
    connection.execute("delete from ops.anomalies where night in (select night from unjudged)")
    connection.execute(f"insert into ops.anomalies {JUDGE.read_text()}", {"fewest": FEWEST_DAYS, "night": night})
    connection.execute(
        "insert into ops.judged select night from unjudged where night not in (select night from ops.judged)"
    )
    connection.execute("commit")


def _insert(connection: duckdb.DuckDBPyConnection, into: str, rows: Sequence[Sequence[object]]) -> None:
    """Rows into a table in one statement, a list a column: one at a time they cost a millisecond each."""
    if rows:
        columns = list(zip(*rows, strict=True))
        cells = ", ".join("unnest(?)" for _ in columns)
        connection.execute(f"insert into {into} select {cells}", [list(column) for column in columns])


def told(connection: duckdb.DuckDBPyConnection, night: date | None) -> list[dict[str, str]]:
    """The anomalies of a night in words, the severe ones first."""
    rows = connection.execute(
        "select concat(backend, '.', table_name), severity, sentence from ops.anomalies where night = ? "
        "order by severity desc, 1, 3",
        [night],
    ).fetchall()
    return [dict(zip(("table", "severity", "sentence"), row, strict=True)) for row in rows]


def warnings_of(found: Iterable[Mapping[str, str]], project: Mapping[str, Any]) -> dict[str, str]:
    """By name of a model, what readers should know of the dumps it is made of."""
    said: dict[str, list[str]] = defaultdict(list)
    for anomaly in found:
        sources = [key for key in project.get("sources", {}) if key.endswith(f".{anomaly['table']}")]
        for node in nodes_below(sources, project):
            said[node.split(".")[-1]].append(f"{anomaly['table']}: {anomaly['sentence']}")
    return {name: "; ".join(sorted(sentences)) for name, sentences in said.items()}


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
