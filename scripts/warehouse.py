"""The night's warehouse file, for the steps beside dbt: opening it, its day, the hash of a table's rows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb

from scripts.console import USAGE, Stop
from scripts.home import folder

SETTINGS = """
    create schema if not exists ops;
    create table if not exists ops.settings (on_date date);
"""


# The newest word on each domain, by the order in which they were written: clocks go back.
NEWEST_CHECKS = """(
    select * from ops.domain_checks qualify row_number() over (partition by domain order by rowid desc) = 1
)"""


# Of the ledger's newest word on a day, true if the day has rows.
HAS_ROWS = "output_hash not in ('gone', 'empty', 'created', 'started')"


def warehouse_file() -> Path:
    """Where the night's warehouse lies. Its file name is the catalog's name, which views inside it spell out."""
    return folder("warehouse") / "warehouse.duckdb"


def settings() -> dict[str, str]:
    """The limits the owner of the machine has set, the same that dbt's profile reads."""
    spill = os.environ.get("NIGHTSHIFT_SPILL") or str(folder("spill"))
    return {
        "memory_limit": os.environ.get("NIGHTSHIFT_MEMORY", "6GB"),
        "threads": os.environ.get("NIGHTSHIFT_THREADS", "2"),
        "temp_directory": spill,
    }


@contextmanager
def warehouse(read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, opened for as long as the block lasts; only a holder of the night's lock may open it."""
    path = warehouse_file()
    if read_only and not path.exists():
        raise Stop("there is no warehouse yet; run `./nightshift night` or `./nightshift build` first", USAGE)
    # Whoever opens the file first decides on its format: the newest one writes text in two thirds of the time.
    newest_format = {"storage_compatibility_version": "latest"}
    connection = duckdb.connect(str(path), read_only=read_only, config={**settings(), **newest_format})
    try:
        yield connection
    finally:
        connection.close()


def set_day(connection: duckdb.DuckDBPyConnection, day: date | None) -> None:
    """Hide from the models whatever arrived after ``day`` (None: hide nothing)."""
    connection.execute(SETTINGS)
    connection.execute("delete from ops.settings")
    if day is not None:
        connection.execute("insert into ops.settings values (?)", [day])


def get_day(connection: duckdb.DuckDBPyConnection) -> date | None:
    """The day the models see, as ``set_day`` left it."""
    connection.execute(SETTINGS)
    return connection.execute("select max(on_date) from ops.settings").fetchone()[0]


def recorded_hashes(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str | None, str]]:
    """What the ledger says of every relation: the hash of each day that has rows, in order.

    A table without days has one, of None.
    """
    found: dict[str, dict[str | None, str]] = {}
    rows = connection.execute(
        f"select relation, cast(day as varchar), output_hash from ops.fresh where {HAS_ROWS} order by relation, day"
    ).fetchall()
    for relation, day, output in rows:
        found.setdefault(relation, {})[day] = output
    return found


def first_rows(connection: duckdb.DuckDBPyConnection, query: str, limit: int) -> tuple[list[str], list[tuple]]:
    """The first rows of a query, such as those a failing test found, with the names of its columns."""
    result = connection.execute(f"select * from ({query}) as failing limit {limit}")
    return [column[0] for column in result.description], result.fetchall()


def rows_hash(columns: Sequence[tuple[str, str]]) -> str:
    """The SQL aggregate that hashes a table's rows as the ledger does (macro ``rows_hash``): order-free, typed.

    A second spelling of the macro, because a step beside dbt cannot render it; every publication compares the two,
    day by day, and a test does on all types. Like the macro's, it is good for this version of the engine only.
    """
    kept = sorted(((name, kind.lower()) for name, kind in columns if not name.startswith("_")), key=_by_name)
    shape = hashlib.md5(",".join(sorted(f"{name.lower()} {kind}" for name, kind in kept)).encode()).hexdigest()
    values = ", ".join(["0", *(_hashed(name, kind) for name, kind in kept)])
    total = f"sum(cast(hash({values}) as hugeint))"
    return f"md5(concat('{shape}', ':', coalesce(cast({total} as varchar), '0'), ':', cast(count(*) as varchar)))"


def _hashed(name: str, kind: str) -> str:
    column = '"' + name.replace('"', '""') + '"'
    return f"printf('%.9e', {column} + 0.0)" if kind in ("double", "float") else column


def _by_name(column: tuple[str, str]) -> str:
    # Jinja's sort filter ignores case, and so must this one
    return column[0].lower()
