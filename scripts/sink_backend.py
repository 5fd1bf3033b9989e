"""``sink backend``: results of a night in a table of the backend's own PostgreSQL, changed rows only.

The table is the backend's: it may be there already, with constraints and references of its own. Rows are upserted by
the mart's key in one transaction, so the backend sees all of a night or nothing of it. A row that the server refuses
stops nobody: it goes to ``<table>_dead_letters`` with the reason, is tried again each time, and leaves that table once
it is taken or no longer a result. Which rows are refused is found by halving, so a few among many cost little.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import duckdb
import psycopg
from psycopg import sql

from scripts.console import DONE, FAILED, REFUSED, USAGE, Stop, count, say
from scripts.faults import fault_point
from scripts.home import folder
from scripts.lock import night_lock
from scripts.published import current_folder
from scripts.warehouse import settings

TYPES = {
    "VARCHAR": "text", "BOOLEAN": "boolean", "INTEGER": "integer", "BIGINT": "bigint", "DOUBLE": "double precision",
    "DATE": "date", "TIMESTAMP": "timestamp",
}  # fmt: skip


@dataclass(frozen=True)
class Result:
    """A published mart that backends take over, and what one of its rows is known by."""

    mart: str
    key: tuple[str, ...]


RESULTS = {
    "churn_scores": Result("engagement.churn_scores", ("account_id",)),
    "listener_segments": Result("engagement.listener_segments", ("account_id",)),
    "recommendations": Result("discovery.fct_recommendations", ("account_id", "rank")),
    "payment_scores": Result("risk.fct_payment_scores", ("payment_id",)),
}


@dataclass
class Outcome:
    """Numbers of rows: written, taken out, refused."""

    written: int = 0
    removed: int = 0
    refused: int = 0


@click.command()
@click.argument("name", type=click.Choice(sorted(RESULTS)))
@click.option("--to", "dsn", metavar="DSN", envvar="NIGHTSHIFT_BACKEND_DSN", required=True, help="Connection string.")
@click.option("--table", help="The backend's table, with its schema if it has one; the result's name otherwise.")
def backend(name: str, dsn: str, table: str | None) -> int:
    """Bring results of the published night to a table of the backend that acts on them.

    Rows are upserted by their key, those that are no longer a result are deleted, all in one transaction; run again,
    nothing happens. The table is made if it is not there. Rows the server refuses are in <table>_dead_letters, with
    the reason.

    \b
    Examples
      ./nightshift sink backend listener_segments --to "host=db dbname=members user=nightshift"
      ./nightshift sink backend recommendations --to "$BACKEND_DSN" --table app.recommended

    Exit code 1: the server refused rows; the others are there.
    """
    here = current_folder()
    if here is None:
        raise Stop("nothing is published yet; run `./nightshift night`", USAGE)
    target = tuple((table or name).split("."))
    with night_lock("sink", "sink"):
        try:
            server = psycopg.connect(dsn)
        except psycopg.OperationalError as error:
            raise Stop(f"the server does not answer: {str(error).strip().splitlines()[0]}", FAILED) from None
        try:
            with server:
                outcome = deliver(server, here / "marts.duckdb", RESULTS[name], target)
                fault_point("sink:before-delivery")
        except (psycopg.ProgrammingError, psycopg.OperationalError) as error:
            raise Stop(
                f"{'.'.join(target)}: {str(error).strip().splitlines()[0]}; nothing is changed", FAILED
            ) from None
        fault_point("sink:after-delivery")
    say("sink", f"{'.'.join(target)}: {count(outcome.written, 'row')} written, {outcome.removed:,} removed")
    if outcome.refused:
        raise Stop(
            f"{count(outcome.refused, 'row')} refused by the server, why is in {'.'.join(target)}_dead_letters",
            REFUSED,
        )
    return DONE


def deliver(server: psycopg.Connection, file: Path, result: Result, target: Sequence[str]) -> Outcome:
    """Bring a table to the state of a published mart, within the transaction that the caller ends."""
    table = sql.Identifier(*target)
    letters = sql.Identifier(*target[:-1], f"{target[-1]}_dead_letters")
    server.execute("select pg_advisory_xact_lock(hashtext(%s))", [".".join(target)])
    columns = _stage(server, file, result.mart)
    key, names = _list(result.key), _list(columns)
    definitions = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(t)) for c, t in columns.items())
    server.execute(sql.SQL("create table if not exists {} ({}, primary key ({}))").format(table, definitions, key))
    server.execute(
        sql.SQL(
            "create table if not exists {} (key jsonb primary key, row jsonb, reason text, "
            "refused_at timestamptz not null default now())"
        ).format(letters)
    )
    there = sql.SQL("(select {} from {})").format(names, table)
    server.execute(
        sql.SQL(
            "create temp table work on commit drop as select row_number() over (order by {key}) as place, * from ("
            "select *, false as is_gone from (select {names} from staged except select * from {there} as known) as a "
            "union all "
            "select *, true from {there} as known where not exists (select from staged where {same})) as changes"
        ).format(key=key, names=names, there=there, same=_same(result.key, "staged", "known"))
    )
    server.execute("create unique index on work (place)")
    total = server.execute("select count(*) from work").fetchone()[0]
    # What is a result no longer, or was taken since, is no dead letter; what is refused again is one anew.
    server.execute(sql.SQL("delete from {}").format(letters))
    worker = _Worker(server, table, letters, result.key, list(columns))
    worker.apply(1, total)
    return worker.outcome


def _stage(server: psycopg.Connection, file: Path, mart: str) -> dict[str, str]:
    """The mart's rows in a table of this transaction; returns its columns with the server's types."""
    with duckdb.connect(str(file), read_only=True, config=settings()) as published:
        try:
            described = published.execute(f"select column_name, column_type from (describe {mart})").fetchall()
        except duckdb.CatalogException:
            raise Stop(f"{mart} is not published yet; run `./nightshift night`", USAGE) from None
        columns = {name: kind.lower() if kind.startswith("DECIMAL") else TYPES[kind] for name, kind in described}
        definitions = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in columns.items()
        )
        server.execute(sql.SQL("create temp table staged ({}) on commit drop").format(definitions))
        with tempfile.TemporaryDirectory(dir=folder("spill")) as scratch:
            rows = Path(scratch) / "rows.csv"
            published.execute(f"copy {mart} to '{rows}' (format csv, header false, nullstr '\\N')")
            into = "copy staged from stdin (format csv, null '\\N')"
            with rows.open("rb") as content, server.cursor().copy(into) as copy:
                while block := content.read(1 << 20):
                    copy.write(block)
    return columns


@dataclass
class _Worker:
    """Applies numbered rows of ``work``, the refused ones apart from the others."""

    server: psycopg.Connection
    table: sql.Identifier
    letters: sql.Identifier
    key: Sequence[str]
    columns: Sequence[str]

    def __post_init__(self) -> None:
        self.outcome = Outcome()
        values = [c for c in self.columns if c not in self.key]
        updates = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in values)
        names = _list(self.columns)
        self._upsert = sql.SQL(
            "insert into {table} ({names}) select {names} from work where place between %s and %s and not is_gone "
            "order by place on conflict ({key}) do {then}"
        ).format(
            table=self.table, names=names, key=_list(self.key),
            then=sql.SQL("update set {}").format(updates) if values else sql.SQL("nothing"),
        )  # fmt: skip
        self._remove = sql.SQL(
            "delete from {} as known using work where work.place between %s and %s and work.is_gone and {}"
        ).format(self.table, _same(self.key, "work", "known"))

    def apply(self, first: int, last: int) -> None:
        """Rows first to last: all at once, or where the server refuses, each half by itself."""
        if first > last:
            return
        try:
            with self.server.transaction():
                written = self.server.execute(self._upsert, [first, last]).rowcount
                removed = self.server.execute(self._remove, [first, last]).rowcount
                # Constraints that wait for the end of the transaction speak now, while it is known of whom.
                self.server.execute("set constraints all immediate")
        except (psycopg.IntegrityError, psycopg.DataError, psycopg.errors.RaiseException) as error:
            if first < last:
                middle = (first + last) // 2
                self.apply(first, middle)
                self.apply(middle + 1, last)
            else:
                self._refuse(first, str(error).strip().splitlines()[0])
            return
        self.outcome.written += written
        self.outcome.removed += removed

    def _refuse(self, place: int, reason: str) -> None:
        pairs = sql.SQL(", ").join(sql.SQL("{}, {}").format(sql.Literal(c), sql.Identifier(c)) for c in self.key)
        self.server.execute(
            sql.SQL(
                "insert into {} (key, row, reason) select jsonb_build_object({}), "
                "to_jsonb(work) - 'place' - 'is_gone', %s from work where place = %s"
            ).format(self.letters, pairs),
            [reason, place],
        )
        self.outcome.refused += 1


def _list(columns: Sequence[str] | dict[str, str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _same(key: Sequence[str], one: str, other: str) -> sql.Composed:
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(one, c), sql.Identifier(other, c)) for c in key
    )
