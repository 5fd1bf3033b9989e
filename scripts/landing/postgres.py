"""A live PostgreSQL, read in one consistent snapshot of all its tables, disturbing nobody.

One read-only transaction at REPEATABLE READ: a transfer between two tables is seen whole or not at all. COPY streams
each table to a compressed file beside the landing, so memory stays small however large it is, and control totals are
computed in the same snapshot. The only lock taken is the one of any SELECT: writers never wait for it (a change of the
schema does, as for any reader), and rather than queue behind such a change and make others queue, reading gives up.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import psycopg
import zstandard
from psycopg import sql

from scripts.backends import Backend, Table
from scripts.faults import fault_point
from scripts.landing.inbox import Declared, Shipment, SourceFile
from scripts.landing.streams import Damaged

SETTINGS = {
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
    "synchronize_seqscans": "off",
    "DateStyle": "ISO, YMD",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
}


@dataclass
class Snapshot:
    """What one look at a database gave: shipments, tables refused with the reason, how far each log was read."""

    shipments: list[Shipment] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def read(backend: Backend, arrived_on: date, spool: Path, cursors: Mapping[str, str]) -> Snapshot:
    """All tables of the backend in one snapshot, as files in ``spool``; ``cursors`` say how far logs were read before.

    Raises ``Unreadable`` if the snapshot cannot be finished; what was spooled then is worth nothing.
    """
    source, found = backend.source, Snapshot()
    dsn = os.environ.get(source.dsn_env or "")
    if not dsn:
        raise Unreadable(f"{source.dsn_env} is not set; it must hold the connection string of {backend.name}")
    spool.mkdir(parents=True, exist_ok=True)
    try:
        with psycopg.connect(dsn, application_name="nightshift land", connect_timeout=10) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with connection.cursor() as cursor:
                for name, value in SETTINGS.items():
                    cursor.execute("select set_config(%s, %s, true)", (name, value))
                timeout = f"{source.statement_timeout_seconds}s"
                cursor.execute("select set_config('statement_timeout', %s, true)", (timeout,))
                for table in backend.tables.values():
                    try:
                        found.shipments.append(_table(cursor, table, arrived_on, spool, cursors.get(table.name)))
                    except Damaged as error:
                        found.refused.append((f"{table.label} of {arrived_on}", str(error)))
                    fault_point("land:postgres-table")
    except psycopg.Error as error:
        said = " ".join(str(error).split())
        raise Unreadable(f"{backend.name}: the snapshot could not be read to its end ({said})") from None
    return found


class Unreadable(Exception):
    """The database could not be read."""


def _table(cursor: psycopg.Cursor, table: Table, arrived_on: date, spool: Path, since: str | None) -> Shipment:
    """One table in the transaction's snapshot."""
    relation = sql.Identifier(table.source.schema, table.relation or table.name)
    name = f"{table.source.schema}.{table.relation or table.name}"
    columns = _columns(cursor, table, name)
    where = _since(table, columns, since)
    order = sql.SQL(", ").join(sql.Identifier(columns[c]) for c in table.key)
    select = sql.SQL("select {} from {} as t {} {}").format(
        sql.SQL(", ").join(sql.Identifier(c) for c in columns.values()),
        relation,
        where,
        sql.SQL("order by {}").format(order) if table.key else sql.SQL(""),
    )
    totals = [sql.SQL("count(*)")]
    totals += [sql.SQL("coalesce(sum({}), 0)").format(sql.Identifier(columns[c])) for c in table.control_totals]
    counting = sql.SQL("select {} from {} as t {}").format(sql.SQL(", ").join(totals), relation, where)
    cursor.execute(counting)
    rows, *sums = cursor.fetchone()
    declared = Declared(rows, {c: Decimal(s) for c, s in zip(table.control_totals, sums, strict=True)})
    path, digest = spool / f"{table.name}.csv.zst", hashlib.sha256()
    # FORCE QUOTE tells an empty text from NULL.
    copying = sql.SQL("copy ({}) to stdout (format csv, header, force_quote *)").format(select)
    packer = zstandard.ZstdCompressor(level=1)
    with path.open("wb") as raw, packer.stream_writer(raw) as packed, cursor.copy(copying) as copy:
        for piece in copy:
            digest.update(piece)
            packed.write(piece)
    file = SourceFile(path, name, path.stat().st_size, format="csv", sha256=digest.hexdigest())
    return Shipment(table, arrived_on, arrived_on, str(arrived_on), (file,), declared)


def _columns(cursor: psycopg.Cursor, table: Table, relation: str) -> dict[str, str]:
    """The database's name of each column of the contract."""
    cursor.execute(
        """
        select attname from pg_attribute
        where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum
        """,
        (".".join(f'"{part}"' for part in relation.split(".", 1)),),
    )
    names = [row[0] for row in cursor.fetchall()]
    if not names:
        raise Damaged(f"the database has no table {relation} that this user may see")
    found = {}
    for column in table.shipped:
        spellings = [column.name, *(old for old, new in table.renamed.items() if new == column.name)]
        spelled = next((n for n in spellings if n in names), None)
        if spelled is None:
            raise Damaged(f"column {column.name} is missing; {relation} has {', '.join(names)}")
        found[column.name] = spelled
    return found


def _since(table: Table, columns: Mapping[str, str], since: str | None) -> sql.Composable:
    """For logs: what is new since the last reading, and a little before it, for transactions that took long."""
    if table.kind != "log" or not table.cursor or since is None:
        return sql.SQL("")
    column = sql.Identifier(columns[table.cursor])
    if table.column(table.cursor).type in ("date", "timestamp"):
        start = sql.SQL("{}::timestamp - {}::interval").format(sql.Literal(since), sql.Literal(table.cursor_overlap))
    else:
        overlap = int(table.cursor_overlap) if table.cursor_overlap.isdigit() else 0
        start = sql.SQL("{}").format(sql.Literal(int(since) - overlap))
    return sql.SQL("where {} > {}").format(column, start)
