"""``sink postgres``: the published marts in a PostgreSQL server, for tools that want one.

A mart's rows lie in a table of their own in the schema ``nightshift_data``, named after the mart and the hash of its
content, so what did not change is never loaded again. What readers see are schemas of views: a night's views are made
beside those of the night before, and in one short transaction the schemas change names. That takes no lock on any
table: a reader in the middle of a query keeps the night she began with, the next query sees the new one, whole.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import duckdb
import psycopg
from psycopg import sql

from scripts.console import DONE, FAILED, USAGE, Stop, count, progress, say
from scripts.faults import fault_point
from scripts.home import folder
from scripts.lock import night_lock
from scripts.published import EVERYBODY, Mart, Published, current_folder
from scripts.sink_backend import backend
from scripts.warehouse import settings

DATA, READER = "nightshift_data", "nightshift_reader"
TYPES = {
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "numeric",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
}


@click.group()
def sink() -> None:
    """Bring what is published to a server that other tools read.

    \b
    Examples
      ./nightshift sink postgres --to "host=db.internal dbname=marts user=nightshift"
      ./nightshift sink postgres --to "$MARTS_DSN" --file business.duckdb      aggregates only
      ./nightshift sink backend listener_segments --to "$BACKEND_DSN"          results, to whom acts on them
    """


sink.add_command(backend)


@sink.command()
@click.option("--to", "dsn", metavar="DSN", envvar="NIGHTSHIFT_SINK_DSN", required=True, help="Connection string.")
@click.option(
    "--file",
    type=click.Choice(["marts.duckdb", "finance.duckdb", "business.duckdb"]),
    default="marts.duckdb",
    show_default=True,
    help="Which published file: what each audience may see.",
)
def postgres(dsn: str, file: str) -> int:
    """Load the marts that changed, check them over there, then show the night, all at once.

    Keys (as unique indexes) and comments come along, and the role nightshift_reader may read everything and change
    nothing. Killed anywhere, run it again: tables that were loaded whole are not loaded twice. Facts (published as
    Parquet) are not loaded.

    \b
    Examples
      ./nightshift sink postgres --to "host=db.internal dbname=marts user=nightshift"
      NIGHTSHIFT_SINK_DSN=... ./nightshift sink postgres                       in cron, after the night
    """
    here = current_folder()
    if here is None:
        raise Stop("nothing is published yet; run `./nightshift night`", USAGE)
    run = Published.read(here)
    marts = [mart for mart in run.shown_in(file) if mart.hash and not mart.is_facts]
    with night_lock("sink", "sink"), _server(dsn) as server, _published(here / file) as published:
        _prepare(server)
        shown = _shown(server)
        names = {mart.key: _table_name(mart, file, run.files[file]) for mart in marts}
        if shown == (run.run_id, file):
            say("sink", f"{run.run_id} is shown already")
            return DONE
        present = {row[0] for row in server.execute("select tablename from pg_tables where schemaname = %s", [DATA])}
        missing = [mart for mart in marts if names[mart.key] not in present]
        for mart in progress(missing, "sink"):
            _load(server, published, mart, file, names[mart.key])
            fault_point("sink:after-table")
        _show(server, published, marts, file, names, run.run_id)
        fault_point("sink:after-swap")
        _forget(server, set(names.values()))
    say("sink", f"{run.run_id}: {count(len(marts), 'mart')} shown, {len(missing)} of them loaded")
    return DONE


@contextmanager
def _server(dsn: str) -> Iterator[psycopg.Connection]:
    try:
        connection = psycopg.connect(dsn, autocommit=True)
    except psycopg.OperationalError as error:
        raise Stop(f"the server does not answer: {str(error).strip().splitlines()[0]}", FAILED) from None
    with connection:
        yield connection


@contextmanager
def _published(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(path), read_only=True, config=settings()) as connection:
        yield connection


def _prepare(server: psycopg.Connection) -> None:
    """The schema of the rows, the record of what is shown, the readers' role."""
    server.execute(f"create schema if not exists {DATA}")
    server.execute(
        f"create table if not exists {DATA}.shown (run_id text, file text, shown_at timestamptz default now())"
    )
    server.execute(f"create table if not exists {DATA}.schemas (schema_name text primary key)")
    if not server.execute("select 1 from pg_roles where rolname = %s", [READER]).fetchone():
        server.execute(f"create role {READER} nologin")
    for row in server.execute(
        "select tablename from pg_tables where schemaname = %s and tablename like 'loading %%'", [DATA]
    ).fetchall():
        server.execute(sql.SQL("drop table {}").format(sql.Identifier(DATA, row[0])))
    for row in server.execute("select nspname from pg_namespace where nspname like 'nightshift_next_%%'").fetchall():
        server.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(row[0])))


def _shown(server: psycopg.Connection) -> tuple[str, str] | None:
    return server.execute(f"select run_id, file from {DATA}.shown").fetchone()


def _table_name(mart: Mart, file: str, signature: str) -> str:
    """Within PostgreSQL's 63 bytes, another for other rows, other words and another audience.

    What everybody may see of small counts depends on all of the file.
    """
    audience = "" if file == "marts.duckdb" else file[0]
    rows = signature if file == EVERYBODY and mart.few_people else mart.hash
    return f"{mart.key.replace('.', '__')[:40]}__{rows[:10]}{mart.described[:6]}{audience}"


def _load(server: psycopg.Connection, published: duckdb.DuckDBPyConnection, mart: Mart, file: str, name: str) -> None:
    """One mart's rows into a table of their own, checked by counts and sums before it gets its name."""
    source = mart.relation(file)
    columns = published.execute(f"select column_name, column_type from (describe {source})").fetchall()
    loading = f"loading {name}"[:63]
    with server.transaction(), tempfile.TemporaryDirectory(dir=folder("spill")) as scratch:
        definition = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(_type(kind))) for column, kind in columns
        )
        server.execute(sql.SQL("create table {} ({})").format(sql.Identifier(DATA, loading), definition))
        rows = Path(scratch) / "rows.csv"
        published.execute(f"copy {source} to '{rows}' (format csv, header false, nullstr '\\N')")
        into = sql.SQL("copy {} from stdin (format csv, null '\\N')").format(sql.Identifier(DATA, loading))
        with rows.open("rb") as file_of_rows, server.cursor().copy(into) as copy:
            while block := file_of_rows.read(1 << 20):
                copy.write(block)
        _compare(server, published, mart, source, loading, columns)
        fault_point("sink:inside-table")
        server.execute(
            sql.SQL("alter table {} rename to {}").format(sql.Identifier(DATA, loading), sql.Identifier(name))
        )
        table, present = sql.Identifier(DATA, name), {column for column, _ in columns}
        if mart.grain and present >= set(mart.grain):
            key = sql.SQL(", ").join(map(sql.Identifier, mart.grain))
            server.execute(sql.SQL("create unique index on {} ({})").format(table, key))
        if mart.day in present and mart.grain[:1] != [mart.day]:
            server.execute(sql.SQL("create index on {} ({})").format(table, sql.Identifier(mart.day)))


def _type(kind: str) -> str:
    if kind.startswith("DECIMAL"):
        return kind.lower().replace("decimal", "numeric")
    if kind not in TYPES:
        raise Stop(f"PostgreSQL has no type for {kind}", FAILED)
    return TYPES[kind]


def _compare(
    server: psycopg.Connection,
    published: duckdb.DuckDBPyConnection,
    mart: Mart,
    source: str,
    loading: str,
    columns: list[tuple[str, str]],
) -> None:
    """Row counts, filled values of each column and exact sums of numbers: the same on both sides."""
    asked = ["count(*)"]
    for column, kind in columns:
        asked.append(f'count("{column}")')
        if kind.startswith(("DECIMAL", "BIGINT", "INTEGER", "HUGEINT")):
            asked.append(f'sum("{column}")')
    here = published.execute(f"select {', '.join(asked)} from {source}").fetchone()
    question = sql.SQL("select {} from {}").format(sql.SQL(", ".join(asked)), sql.Identifier(DATA, loading))
    there = server.execute(question).fetchone()
    if list(map(_plain, here)) != list(map(_plain, there)):
        raise Stop(f"{mart.key} arrived with other rows or sums than were published; nothing is shown", FAILED)


def _plain(value: object) -> str | None:
    text = None if value is None else str(value)
    return text.rstrip("0").rstrip(".") if text and re.fullmatch(r"-?\d+\.\d+", text) else text


def _show(
    server: psycopg.Connection,
    published: duckdb.DuckDBPyConnection,
    marts: list[Mart],
    file: str,
    names: dict[str, str],
    run_id: str,
) -> None:
    """The night's views beside the last ones, then the schemas' names exchanged in one transaction."""
    schemas = sorted({mart.schema for mart in marts})
    for schema in schemas:
        server.execute(sql.SQL("create schema {}").format(sql.Identifier(f"nightshift_next_{schema}")))
    for mart in marts:
        view = sql.Identifier(f"nightshift_next_{mart.schema}", mart.name)
        server.execute(
            sql.SQL("create view {} as select * from {}").format(view, sql.Identifier(DATA, names[mart.key]))
        )
        _comment(server, published, mart, file, view)
        server.execute(sql.SQL("grant select on {} to {}").format(view, sql.Identifier(READER)))
    fault_point("sink:before-swap")
    with server.transaction():
        gone = f"nightshift_gone_{server.execute('select txid_current()').fetchone()[0]}"
        known = {row[0] for row in server.execute("select nspname from pg_namespace").fetchall()}
        ours = {row[0] for row in server.execute(f"select schema_name from {DATA}.schemas").fetchall()}
        for schema in sorted(ours & known):
            server.execute(
                sql.SQL("alter schema {} rename to {}").format(
                    sql.Identifier(schema), sql.Identifier(f"{gone}_{schema}")
                )
            )
        for schema in schemas:
            if schema in known and schema not in ours:
                raise Stop(f"the server has a schema {schema} that is not Nightshift's; give it a database", FAILED)
            server.execute(
                sql.SQL("alter schema {} rename to {}").format(
                    sql.Identifier(f"nightshift_next_{schema}"), sql.Identifier(schema)
                )
            )
            usage = sql.SQL("grant usage on schema {} to {}")
            server.execute(usage.format(sql.Identifier(schema), sql.Identifier(READER)))
        server.execute(f"delete from {DATA}.schemas")
        for schema in schemas:
            server.execute(f"insert into {DATA}.schemas values (%s)", [schema])
        server.execute(f"delete from {DATA}.shown")  # one row, since clocks go back and then the newest is not the last
        server.execute(f"insert into {DATA}.shown (run_id, file) values (%s, %s)", [run_id, file])


def _comment(
    server: psycopg.Connection, published: duckdb.DuckDBPyConnection, mart: Mart, file: str, view: sql.Identifier
) -> None:
    schema = mart.relation(file).split(".")[0].strip('"')
    where, keys = "schema_name = ? and table_name = ? and comment is not null", [schema, mart.name]
    for (text,) in published.execute(f"select comment from duckdb_tables() where {where}", keys).fetchall():
        server.execute(sql.SQL("comment on view {} is {}").format(view, sql.Literal(text)))
    for column, text in published.execute(
        f"select column_name, comment from duckdb_columns() where {where}", keys
    ).fetchall():
        server.execute(sql.SQL("comment on column {}.{} is {}").format(view, sql.Identifier(column), sql.Literal(text)))


def _forget(server: psycopg.Connection, needed: set[str]) -> None:
    """Nights gone by and rows nobody shows any more; what a reader still holds is left for the next time."""
    gone = server.execute("select nspname from pg_namespace where nspname like 'nightshift_gone_%%'").fetchall()
    tables = server.execute(
        "select tablename from pg_tables where schemaname = %s and tablename like '%%\\_\\_%%'", [DATA]
    ).fetchall()
    for (schema,) in gone:
        _drop(server, sql.SQL("drop schema {} cascade").format(sql.Identifier(schema)))
    for (table,) in tables:
        if table not in needed:
            _drop(server, sql.SQL("drop table {}").format(sql.Identifier(DATA, table)))


def _drop(server: psycopg.Connection, statement: sql.Composed) -> None:
    try:
        with server.transaction():
            server.execute("set local lock_timeout = '200ms'")
            server.execute(statement)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DependentObjectsStillExist):
        return
