"""The rows that were kept out of the models, as they were shipped: at the door, and in staging by a table's rules."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import click
import duckdb

from scripts import landed
from scripts.backends import Table, load_all
from scripts.console import DONE, USAGE, Stop, count, say, table
from scripts.home import folder
from scripts.warehouse import settings


@dataclass(frozen=True)
class KeptOut:
    """One row that is in no model, and where to find it at its source."""

    arrived_on: str
    layer: str
    reason: str
    file: str
    line: int
    text: str


@click.command()
@click.argument("name", metavar="BACKEND.TABLE", required=False)
@click.option("--arrived", type=click.DateTime(["%Y-%m-%d"]), help="Only what arrived on this day.")
@click.option("--reason", help="Only rows kept out for a reason that contains this text.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Rows to show.")
def quarantine(name: str | None, arrived: date | None, reason: str | None, limit: int) -> int:
    """Show the rows of a table that were kept out of the models, newest first, and count them by reason.

    \b
    door     land could not read the line; it is shown as it was shipped, so it may name a person
    staging  the row landed and breaks a rule of backends/<backend>.yml; people are pseudonyms in it

    Nothing is ever taken out of quarantine by hand: let the backend ship a corrected dump, or change the rule.
    Counts by day of all tables are in the mart operations.fct_quarantine.

    \b
    Examples
      ./nightshift quarantine                       which tables have rows in quarantine
      ./nightshift quarantine billing.payments
      ./nightshift quarantine playback.plays --arrived 2026-02-14 --limit 100
      ./nightshift quarantine playback.plays --reason JSON
    """
    day = str(arrived)[:10] if arrived else None
    tables = {each.label: each for backend in load_all().values() for each in backend.tables.values()}
    if name is not None and name not in tables:
        raise Stop(f"no table {name!r}; there are: {', '.join(tables)}", USAGE)
    with duckdb.connect(config=settings()) as connection:
        if name is None:
            _list_tables(connection, list(tables.values()), day)
        else:
            _show(connection, tables[name], day, reason, limit)
    return DONE


def _list_tables(connection: duckdb.DuckDBPyConnection, tables: list[Table], day: str | None) -> None:
    counts = []
    for each in tables:
        door = sum(1 for _ in refused(each, day))
        staging = sum(rules_broken(connection, each, day).values())
        if door or staging:
            counts.append([each.label, door, staging])
    print(table(["table", "door", "staging"], counts))


def _show(
    connection: duckdb.DuckDBPyConnection, contract: Table, day: str | None, reason: str | None, limit: int
) -> None:
    counted: Counter[tuple[str, str]] = Counter()
    shown: list[KeptOut] = []
    for row in refused(contract, day):
        if reason is None or reason.lower() in row.reason.lower():
            counted[row.layer, row.reason] += 1
            if len(shown) < limit:
                shown.append(row)
    for rule, rows in rules_broken(connection, contract, day).items():
        if reason is None or reason.lower() in rule.lower():
            counted["staging", rule] += rows
            shown += breaking(connection, contract, day, rule, limit)
    shown.sort(key=lambda row: row.arrived_on, reverse=True)
    print(table(["layer", "reason", "rows"], [[*key, number] for key, number in counted.most_common()]))
    for row in shown[:limit]:
        print(f"\n  {row.arrived_on}  {row.file}:{row.line}  {row.layer}: {row.reason}\n    {row.text}")
    total = counted.total()
    print()
    say("quarantine", f"{contract.label}: {count(total, 'row')}{f', {limit} shown' if total > limit else ''}")


def visible(contract: Table, day: str | None) -> list[landed.Dump]:
    """The dumps of a table that no other has replaced, newest first."""
    every = [d for d in landed.dumps() if (d.backend, d.table) == (contract.backend, contract.name)]
    replaced = {dump_id for dump in every for dump_id in dump.manifest().get("supersedes", [])}
    return [d for d in reversed(every) if d.dump_id not in replaced and (day is None or d.arrived_on == day)]


def refused(contract: Table, day: str | None) -> Iterator[KeptOut]:
    """Lines that ``land`` could not read, newest first."""
    for dump in visible(contract, day):
        path = folder("quarantine") / dump.backend / dump.table / f"dt={dump.arrived_on}" / f"{dump.dump_id}.jsonl"
        if not path.exists():
            continue
        with path.open(encoding="utf-8") as lines:
            for entry in map(json.loads, lines):
                reason = f"{entry['column']}: {entry['reason']}" if entry["column"] else entry["reason"]
                text = base64.b64decode(entry["raw_base64"])[:2000].decode("utf-8", "backslashreplace")
                yield KeptOut(dump.arrived_on, "door", reason, entry["file"], entry["line"], text.rstrip("\r\n"))


def rules_broken(connection: duckdb.DuckDBPyConnection, contract: Table, day: str | None) -> dict[str, int]:
    """How many rows that landed break which rule; each counts for the first it breaks (the macro ``broken_rule``)."""
    source = _landed_rows(contract, day)
    if source is None:
        return {}
    return dict(connection.execute(f"select rule, count(*) from {source} group by rule order by rule").fetchall())


def breaking(
    connection: duckdb.DuckDBPyConnection, contract: Table, day: str | None, rule: str, limit: int
) -> Iterator[KeptOut]:
    """Rows that landed and break a rule, newest first."""
    names = [column.name for column in contract.landed if not column.name.startswith("_")]
    values = ", ".join(f'cast("{name}" as varchar)' for name in names)
    rows = connection.execute(
        f"""
        select cast(_arrived_on as varchar), _source_file, _source_line, {values}
        from {_landed_rows(contract, day)}
        where rule = ?
        order by _arrived_on desc, _source_file, _source_line
        limit {limit}
        """,
        [rule],
    )
    for arrived_on, file, line, *texts in rows.fetchall():
        text = "  ".join(f"{name}={value}" for name, value in zip(names, texts, strict=True) if value is not None)
        yield KeptOut(arrived_on, "staging", rule, file, line, text)


def _landed_rows(contract: Table, day: str | None) -> str | None:
    """The landed rows that break a rule, as SQL, with its name in ``rule``; None if there can be none."""
    files = [str(path) for dump in visible(contract, day) for path in sorted(dump.path.glob("*.parquet"))]
    if not files or not contract.rules:
        return None
    fields = ", ".join(
        f"{c.field_id}: {{name: '{c.name}', type: '{c.landed_type}', default_value: null}}" for c in contract.landed
    )
    broken = " ".join(f"when {condition} then '{rule}'" for rule, condition in contract.rules.items())
    parquet = f"read_parquet({files}, hive_partitioning = false, schema = map {{{fields}}})"
    return f"(select *, case {broken} end as rule from {parquet} where rule is not null)"
