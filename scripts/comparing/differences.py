"""What differs between the same marts of two warehouse files: rows, cells and sums, found by SQL.

Only days whose hash in the two ledgers differs are read. Rows are matched by the key that the mart's YAML promises
(its tests ``grain``, ``unique`` or ``spans_are_apart``, or a primary key); without one a row can only be there or not.
A DOUBLE counts as the ledger has it, by ten digits. Sums are exact whatever the order of rows: integers and decimals as
they are, a DOUBLE rounded to twelve places first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from scripts.warehouse import recorded_hashes, settings

EXAMPLES = 5
BINARY = ("double", "float")
INTEGERS = ("tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint")

Columns = dict[str, str]


@dataclass(frozen=True)
class Sum:
    """One numeric column over all rows of a mart, in the column's unit."""

    column: str
    before: Decimal
    after: Decimal

    @property
    def difference(self) -> Decimal:
        """How much more there is now."""
        return self.after - self.before


@dataclass(frozen=True)
class Example:
    """One row that is ``kind`` (added, removed or changed); ``cells``: what it was and is, by column that differs."""

    kind: str
    key: dict[str, Any]
    cells: dict[str, tuple[Any, Any]]


@dataclass
class Difference:
    """How a mart differs: rows of the one that are not in the other, matched by ``key`` (empty: no key is promised)."""

    mart: str
    owner: str
    domain: str
    key: list[str]
    days: list[str] = field(default_factory=list)  # that differ; none for a table without days
    rows_before: int | None = None  # None: there was no such table
    rows_after: int | None = None
    added: int = 0
    removed: int = 0
    changed: int = 0
    columns_added: Columns = field(default_factory=dict)
    columns_removed: Columns = field(default_factory=dict)
    columns_retyped: dict[str, tuple[str, str]] = field(default_factory=dict)
    changed_cells: dict[str, int] = field(default_factory=dict)  # rows in which the column differs
    sums: list[Sum] = field(default_factory=list)  # of columns whose sum differs
    examples: list[Example] = field(default_factory=list)

    @property
    def is_none(self) -> bool:
        """True if readers would not notice."""
        return not (
            self.added
            or self.removed
            or self.changed
            or self.columns_added
            or self.columns_removed
            or self.columns_retyped
            or (self.rows_before is None) != (self.rows_after is None)
        )


def keys_of(project: dict[str, Any]) -> dict[str, list[str]]:
    """The key that each model of a manifest promises, by the model's id: its shortest, as its tests say."""
    found: dict[str, list[list[str]]] = {}
    for node in project["nodes"].values():
        if node["resource_type"] == "model":
            for constraint in node.get("constraints") or []:
                if constraint["type"] == "primary_key" and constraint.get("columns"):
                    found.setdefault(node["unique_id"], []).append(constraint["columns"])
        test = node.get("test_metadata") if node["resource_type"] == "test" else None
        if test and node.get("attached_node") and not node["config"].get("where"):
            said = test["kwargs"]
            key = {
                "grain": said.get("columns"),
                "unique": [said["column_name"]] if said.get("column_name") else None,
                "spans_are_apart": [*said.get("key", []), "valid_from"],
            }.get(test["name"])
            if key:
                found.setdefault(node["attached_node"], []).append(key)
    return {model: min(keys, key=len) for model, keys in found.items() if model in project["nodes"]}


def keys_by_name(project: dict[str, Any]) -> dict[str, list[str]]:
    """The same by the name of the table that the model makes."""
    return {project["nodes"][model]["alias"]: key for model, key in keys_of(project).items()}


def compare(
    before: Path,
    after: Path,
    marts: Iterable[dict[str, Any]],
    keys: dict[str, list[str]],
    leave_out: Callable[[str, str], bool] = lambda mart, column: False,
) -> list[Difference]:
    """Compare marts (as ``scripts.build.marts`` describes them) of two warehouse files that nobody writes to.

    ``keys`` by the mart's name; ``leave_out(mart, column)`` says which columns are no part of the comparison, beside
    those of lineage (``_…``). Marts that do not differ are not in the result.
    """
    was_days, was_columns = _side(before)
    now_days, now_columns = _side(after)
    marts, found = list(marts), []
    with duckdb.connect(config=settings()) as connection:
        files = {"was": before, "now": after}
        for side, file in files.items():
            connection.execute(f"attach '{_quoted(file)}' as {side} (read_only)")
        for mart in [m for views in (False, True) for m in marts if (m["materialized"] == "view") == views]:
            name = f"{mart['schema']}.{mart['name']}"
            difference = Difference(name, mart["owner"], mart["domain"], keys.get(mart["name"], []))
            columns = was_columns.get(name), now_columns.get(name)
            hashes = was_days.get(mart["name"]), now_days.get(mart["name"])
            if columns[0] == columns[1] and hashes[0] is not None and hashes[0] == hashes[1]:
                continue
            kept = [
                {c: kind for c, kind in side.items() if not c.startswith("_") and not leave_out(name, c)}
                if side is not None
                else None
                for side in columns
            ]
            if mart["materialized"] == "view":
                _read_view(connection, files, mart, columns)
            _compare_one(connection, mart, difference, kept, _differing(*hashes) if mart["day"] else None)
            if not difference.is_none:
                found.append(difference)
    names = [f"{mart['schema']}.{mart['name']}" for mart in marts]
    return sorted(found, key=lambda difference: names.index(difference.mart))


def _side(file: Path) -> tuple[dict[str, dict[str | None, str]], dict[str, Columns]]:
    """What a warehouse's ledger says of each day of each relation, and the columns of its tables."""
    with duckdb.connect(str(file), read_only=True, config=settings()) as connection:
        columns: dict[str, Columns] = {}
        rows = connection.execute(
            "select schema_name || '.' || table_name, column_name, lower(data_type) from duckdb_columns() "
            "where database_name = current_database() order by 1, column_index"
        ).fetchall()
        for table, column, kind in rows:
            columns.setdefault(table, {})[column] = kind
        return recorded_hashes(connection), columns


def _read_view(
    connection: duckdb.DuckDBPyConnection,
    files: dict[str, Path],
    mart: dict[str, Any],
    columns: tuple[Columns | None, Columns | None],
) -> None:
    """Put what a view shows in the place of each side: its SQL spells out the catalog, which is named by the file."""
    schema, name = _name(mart["schema"]), _name(mart["name"])
    for (side, file), side_columns in zip(files.items(), columns, strict=True):
        catalog = _name(file.stem)
        connection.execute(f"detach {side}")
        connection.execute(f"attach ':memory:' as {side}")
        if side_columns is not None:
            connection.execute(f"attach '{_quoted(file)}' as {catalog} (read_only)")
            connection.execute(f"create schema {side}.{schema}")
            connection.execute(f"create table {side}.{schema}.{name} as from {catalog}.{schema}.{name}")
            connection.execute(f"detach {catalog}")


def _differing(was: dict[str | None, str] | None, now: dict[str | None, str] | None) -> list[str]:
    was, now = was or {}, now or {}
    return sorted(day for day in {*was, *now} if day is not None and was.get(day) != now.get(day))


def _compare_one(
    connection: duckdb.DuckDBPyConnection,
    mart: dict[str, Any],
    difference: Difference,
    columns: list[Columns | None],
    days: list[str] | None,
) -> None:
    was, now = columns
    relation = f'"{mart["schema"]}"."{mart["name"]}"'
    difference.rows_before, difference.rows_after = (
        connection.execute(f"select count(*) from {side}.{relation}").fetchone()[0]
        if side_columns is not None
        else None
        for side, side_columns in (("was", was), ("now", now))
    )
    if was is None or now is None:
        difference.added, difference.removed = difference.rows_after or 0, difference.rows_before or 0
        return
    difference.days = days or []
    difference.columns_added = {name: kind for name, kind in now.items() if name not in was}
    difference.columns_removed = {name: kind for name, kind in was.items() if name not in now}
    common = {name: kind for name, kind in now.items() if name in was}
    difference.columns_retyped = {n: (was[n], kind) for n, kind in common.items() if was[n] != kind}
    difference.key = difference.key if all(name in common for name in difference.key) else []
    asked = f'"{mart["day"]}" in ({", ".join(f"date {_text(day)}" for day in days)})' if days else "true"
    _find_rows(connection, relation, common, difference, asked)
    _count(connection, common, difference)
    _add_up(connection, relation, common, difference)
    difference.examples = list(_examples(connection, common, difference))


def _find_rows(
    connection: duckdb.DuckDBPyConnection, relation: str, common: Columns, difference: Difference, asked: str
) -> None:
    """Leave the rows of each side that the other does not have in ``rows_was`` and ``rows_now``, paired by key.

    Both sides are summed up by the hashes of key and row, the one negative: what comes to nothing is the same. So
    duplicates count, and only rows that differ are ever held whole.
    """
    cells = [_cell(name, kind) for name, kind in common.items()]
    row_hash = f"hash({', '.join(['0', *cells])})"
    key_hash = f"hash({', '.join(['0', *(_cell(name, common[name]) for name in difference.key)])})"
    key_hash = key_hash if difference.key else row_hash
    # what was, in the types of now: a column that became wider is not another one in every row
    as_now = [
        f'try_cast("{name}" as {kind}) as "{name}"' if name in difference.columns_retyped else f'"{name}"'
        for name, kind in common.items()
    ]
    sides = {"was": f"select {', '.join(as_now)} from was.{relation} where {asked}"}
    sides["now"] = f"select {', '.join(_name(column) for column in common)} from now.{relation} where {asked}"
    hashed = {
        side: f"select *, {key_hash} as key_hash, {row_hash} as row_hash from ({rows})" for side, rows in sides.items()
    }
    connection.execute(f"""
        create or replace temp table differing as
        select key_hash, row_hash, sum(side) as side
        from (
            select key_hash, row_hash, -1 as side from ({hashed["was"]})
            union all
            select key_hash, row_hash, 1 as side from ({hashed["now"]})
        )
        group by key_hash, row_hash
        having sum(side) <> 0
    """)
    for side, sign in (("was", -1), ("now", 1)):
        connection.execute(f"""
            create or replace temp table rows_{side} as
            select
                * exclude (copies, row_hash),
                row_number() over (partition by key_hash order by row_hash) as copy_number
            from (
                select hashed.*, differing.side * {sign} as copies
                from ({hashed[side]}) as hashed
                inner join differing using (key_hash, row_hash)
                where differing.side * {sign} > 0
                qualify row_number() over (partition by key_hash, row_hash) <= copies
            )
        """)


PAIRS = "rows_was as was full join rows_now as now on was.key_hash = now.key_hash and was.copy_number = now.copy_number"
BOTH = "was.key_hash is not null and now.key_hash is not null"


def _count(connection: duckdb.DuckDBPyConnection, common: Columns, difference: Difference) -> None:
    per_column = [
        f"count(*) filter ({BOTH} and {_cell(name, kind, 'was')} is distinct from {_cell(name, kind, 'now')})"
        for name, kind in common.items()
    ]
    head = f"count(*) filter (was.key_hash is null), count(*) filter (now.key_hash is null), count(*) filter ({BOTH})"
    row = connection.execute(f"select {', '.join([head, *per_column])} from {PAIRS}").fetchone()
    difference.added, difference.removed, difference.changed = row[:3]
    difference.changed_cells = {name: number for name, number in zip(common, row[3:], strict=True) if number}


def _add_up(connection: duckdb.DuckDBPyConnection, relation: str, common: Columns, difference: Difference) -> None:
    """Sums over the whole mart as it is now, and as it was: those less what the rows that differ make of it."""
    numeric = [name for name, kind in common.items() if _is_numeric(kind) and name not in difference.key]
    if not numeric:
        return
    totals = ", ".join(f"coalesce({_exact_sum(name, common[name])}, 0)" for name in numeric)
    after, was, now = (
        connection.execute(f"select {totals} from {table}").fetchone()
        for table in (f"now.{relation}", "rows_was", "rows_now")
    )
    for name, total, gone, come in zip(numeric, after, was, now, strict=True):
        if gone != come:
            difference.sums.append(Sum(name, Decimal(total) - Decimal(come) + Decimal(gone), Decimal(total)))


def _examples(connection: duckdb.DuckDBPyConnection, common: Columns, difference: Difference) -> Iterator[Example]:
    names = list(common)
    keys = [f'coalesce(was."{name}", now."{name}")' for name in difference.key or names]
    both_sides = ", ".join(f'{side}."{name}"' for side in ("was", "now") for name in names)
    for kind, condition in (
        ("changed", BOTH),
        ("added", "was.key_hash is null"),
        ("removed", "now.key_hash is null"),
    ):
        rows = connection.execute(
            f"select {both_sides} from {PAIRS} where {condition} order by {', '.join(keys)} limit {EXAMPLES}"
        ).fetchall()
        for row in rows:
            was = dict(zip(names, row[: len(names)], strict=True))
            now = dict(zip(names, row[len(names) :], strict=True))
            shown = was if kind == "removed" else now
            yield Example(
                kind,
                {name: shown[name] for name in difference.key},
                {
                    name: (was[name], now[name])
                    for name in names
                    if name not in difference.key and (kind != "changed" or not _same(was[name], now[name]))
                },
            )


def _same(was: object, now: object) -> bool:
    if isinstance(was, float) and isinstance(now, float):
        return f"{was:.9e}" == f"{now:.9e}"
    return was == now


def _cell(name: str, kind: str, side: str = "") -> str:
    column = f"{side}.{_name(name)}" if side else _name(name)
    return f"printf('%.9e', {column} + 0.0)" if kind in BINARY else column


def _is_numeric(kind: str) -> bool:
    return kind in (*BINARY, *INTEGERS) or kind.startswith("decimal")


def _exact_sum(name: str, kind: str) -> str:
    column = _name(name)
    return f"sum(try_cast({column} as decimal(38, 12)))" if kind in BINARY else f"sum({column})"


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(value: object) -> str:
    return f"'{_quoted(value)}'"


def _quoted(value: object) -> str:
    return str(value).replace("'", "''")
