"""Dumps as the landing keeps them, written from rows in a test: of any table that the backends' YAML describes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from scripts.backends import Table, load_all

BACKENDS = load_all()


def write_dump(
    landing: Path,
    table: str,
    arrived_on: str,
    rows: Iterable[Mapping[str, Any]],
    covers_on: str | None = None,
    slot: str | None = None,
    supersedes: Iterable[str] = (),
    refused: Mapping[str, int] | None = None,
    declared: Mapping[str, Any] | None = None,
) -> str:
    """Lands ``rows`` of ``table`` ("billing.payments"); columns left out are null. Returns the dump's id.

    A log's event time is the row's ``_event_at``, else its event column; for a snapshot the day it covers. ``refused``
    counts lines refused at the door by reason, ``declared`` are control totals of the source, by default none.
    """
    rows = list(rows)
    backend, name = table.split(".")
    contract: Table = BACKENDS[backend].tables[name]
    covers_on = covers_on or arrived_on
    types = {column.name: column.landed_type for column in contract.landed}
    content = json.dumps(
        [table, covers_on if contract.kind == "snapshot" else "", slot, rows], default=str, sort_keys=True
    )
    dump_id = hashlib.sha256(content.encode()).hexdigest()[:16]
    folder = landing / backend / name / f"dt={arrived_on}" / dump_id
    if folder.exists():
        return dump_id
    folder.mkdir(parents=True)
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("create table dump (" + ", ".join(f"{n} {t}" for n, t in types.items()) + ")")
    connection.executemany(
        f"insert into dump values ({', '.join('?' * len(types))})",
        [_values(contract, types, row, line, arrived_on, covers_on, dump_id) for line, row in enumerate(rows, 1)]
        or [[None] * len(types)],
    )
    connection.execute("delete from dump where _dump_id is null")
    ids = ", ".join(f"{n}: {int(hashlib.md5(n.encode()).hexdigest()[:7], 16)}" for n in types)
    connection.execute(
        f"copy (from dump order by _event_on, _source_line) to '{folder}/part-0.parquet' "
        f"(format parquet, field_ids {{{ids}}})"
    )
    days = connection.execute("select cast(_event_on as varchar), count(*) from dump group by 1 order by 1").fetchall()
    counted: dict[str, Any] = {"rows": len(rows) + sum((refused or {}).values())}
    for column in contract.control_totals:
        counted[column] = str(connection.execute(f"select coalesce(sum({column}), 0) from dump").fetchone()[0])
    manifest = {
        "format": 1,
        "backend": backend,
        "table": name,
        "kind": contract.kind,
        "dump_id": dump_id,
        "arrived_on": arrived_on,
        "covers_on": covers_on,
        "slot": slot or covers_on,
        "supersedes": list(supersedes),
        "rows": sum(n for _, n in days),
        "files": [{"name": "part-0.parquet"}],
        "event_days": [{"day": day, "rows": n} for day, n in days],
        "quarantined": dict(refused or {}),
        "control_totals": {name: {"declared": (declared or {}).get(name), "counted": n} for name, n in counted.items()},
    }
    (folder / "_manifest.json").write_text(json.dumps(manifest))
    return dump_id


def _values(
    table: Table,
    types: Mapping[str, str],
    row: Mapping[str, Any],
    line: int,
    arrived_on: str,
    covers_on: str,
    dump_id: str,
) -> list[Any]:
    """One row in the order of the landed columns, lineage included."""
    unknown = set(row) - set(types)
    assert not unknown, f"{table.name} has no {sorted(unknown)}"
    if table.kind == "snapshot":
        event_at, event_on = None, covers_on
    else:
        event_at = str(row.get("_event_at") or row[table.event_at])
        event_on = event_at[:10]
    lineage = {
        "_event_at": event_at,
        "_event_on": event_on,
        "_covers_on": covers_on,
        "_arrived_on": arrived_on,
        "_dump_id": dump_id,
        "_source_file": "rows of a test",
        "_source_line": line,
    }
    return [{**row, **lineage}.get(name) for name in types]
