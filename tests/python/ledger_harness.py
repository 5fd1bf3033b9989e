"""A small dbt project over a landing written by hand: what the ledger's tests build, break and build again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = ROOT / "tests/python/ledger_project"
TYPES = {
    "plays": {"play_id": "varchar", "account_id": "varchar", "track_id": "varchar", "ms_played": "bigint"},
    "tracks": {"track_id": "varchar", "artist_id": "varchar"},
    "skips": {"play_id": "varchar", "skipped_at_ms": "bigint"},
}
SNAPSHOTS = {"tracks"}
LINEAGE = {
    "_event_at": "timestamp",
    "_event_on": "date",
    "_covers_on": "date",
    "_arrived_on": "date",
    "_dump_id": "varchar",
    "_source_file": "varchar",
    "_source_line": "bigint",
}
ARROW = {"varchar": pa.string(), "bigint": pa.int64(), "timestamp": pa.timestamp("us"), "date": pa.date32()}
DAYS = [f"2026-01-0{day}" for day in range(1, 7)]
UNTESTED = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
QUIET = ["--quiet", "--no-write-json", "--no-version-check", "--log-level-file", "none"]


def plays_of(day: str, count: int = 4) -> list[tuple]:
    """Plays of one day, by as many accounts, of two tracks in turn; the first is too short to be a stream."""
    return [(f"{day}#{i}", f"u{i}", f"t{i % 2 + 1}", 29_000 + 2_000 * i, day) for i in range(count)]


def field_id(column: str) -> int:
    """The Parquet field id of a landed column, as the macro ``column_field_id`` computes it."""
    return int(hashlib.md5(column.encode()).hexdigest()[:7], 16)


@cache
def runner() -> type:
    """dbt in this process, as Nightshift starts it."""
    from dbt.cli.main import dbtRunner

    from scripts.dbt_lean import trim

    trim()
    return dbtRunner


class Ledger:
    """A copy of the test project with its own landing and warehouse."""

    def __init__(self, root: Path, base: Ledger | None = None):
        self.root = root
        self.home = root / "var"
        self.manifest = base.manifest if base else None
        shutil.copytree(base.root if base else PROJECT, root, symlinks=True, dirs_exist_ok=True)
        for folder in ("landing", "dev", "warehouse", "spill"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        if not base:
            shutil.copy(ROOT / "profiles.yml", root)
            self.write_sources()

    def write_sources(self, types: dict[str, dict[str, str]] = TYPES) -> None:
        """The sources' YAML, as ``./nightshift sources`` makes it of the backends'."""
        tables = [
            {
                "name": table,
                "identifier": f"playback__{table}",
                "config": {"meta": {"kind": "snapshot" if table in SNAPSHOTS else "log"}},
                "columns": [{"name": name, "data_type": kind} for name, kind in {**columns, **LINEAGE}.items()],
            }
            for table, columns in types.items()
        ]
        source = {"name": "playback", "schema": "landing", "tables": tables}
        (self.root / "models/sources.yml").write_text(json.dumps({"sources": [source]}))
        self.manifest = None

    def land(
        self,
        arrived_on: str,
        rows: list[tuple],
        table: str = "plays",
        supersedes: list[str] | None = None,
        covers_on: str | None = None,
    ) -> str:
        """Writes one dump; a log's rows end with its event day: (play_id, account_id, track_id, ms_played, day)."""
        covers_on = covers_on or arrived_on
        is_snapshot = table in SNAPSHOTS
        dump_id = hashlib.sha256(json.dumps([table, covers_on if is_snapshot else "", rows]).encode()).hexdigest()[:16]
        final = self.home / f"landing/playback/{table}/dt={arrived_on}/{dump_id}"
        final.mkdir(parents=True)
        columns = TYPES[table]
        days = [covers_on if is_snapshot else row[len(columns)] for row in rows]
        values = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
        values |= {
            "_event_at": [None if is_snapshot else f"{day}T12:00:00" for day in days],
            "_event_on": days,
            "_covers_on": [covers_on] * len(rows),
            "_arrived_on": [arrived_on] * len(rows),
            "_dump_id": [dump_id] * len(rows),
            "_source_file": ["f"] * len(rows),
            "_source_line": list(range(1, len(rows) + 1)),
        }
        arrays, fields = [], []
        for name, kind in {**columns, **LINEAGE}.items():
            array = pa.array(values[name], pa.string() if kind in ("date", "timestamp") else ARROW[kind]).cast(
                ARROW[kind]
            )
            arrays.append(array)
            fields.append(pa.field(name, ARROW[kind], metadata={"PARQUET:field_id": str(field_id(name))}))
        pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), final / "part-0.parquet")
        manifest = {
            "format": 1,
            "backend": "playback",
            "table": table,
            "kind": "snapshot" if is_snapshot else "log",
            "dump_id": dump_id,
            "arrived_on": arrived_on,
            "covers_on": covers_on,
            "slot": covers_on,
            "supersedes": supersedes or [],
            "rows": len(rows),
            "files": [{"name": "part-0.parquet"}],
            "columns": [{"name": name, "type": kind} for name, kind in columns.items()],
            "event_days": [
                {"day": day, "rows": days.count(day)} for day in sorted({*days, *([covers_on] if is_snapshot else [])})
            ],
        }
        (final / "_manifest.json").write_text(json.dumps(manifest))
        return dump_id

    def environment(self, more: dict[str, str]) -> dict[str, str]:
        """What dbt is told: the state lies in ``var/`` below the project, so a copy of a project is a project."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("NIGHTSHIFT_", "DBT_"))}
        return {**kept, "NIGHTSHIFT_PROJECT_MACROS": str(ROOT / "macros"), "DBT_PROFILES_DIR": str(self.root), **more}

    def dbt(self, *arguments: str, expect: bool = True, **environment: str):
        """Runs dbt in this process (a tenth of the time of a new one); returns its results by node name."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        with inside(self.root, self.environment(environment)):
            try:
                done = runner()(manifest=self.manifest).invoke([*arguments, *QUIET])
            finally:
                DuckDBConnectionManager.close_all_connections()
        results = {result.node.name: result for result in getattr(done.result, "results", [])}
        said = {name: (str(result.status), result.message) for name, result in results.items()}
        assert done.success == expect, (
            done.exception,
            {n: s for n, s in said.items() if s[0] not in ("success", "pass")},
        )
        return results

    def parse(self) -> None:
        """Reads the project once; later runs of this copy and its copies use what was read, until a file is edited."""
        with inside(self.root, self.environment({})):
            self.manifest = runner()().invoke(["parse", *QUIET]).result

    def build(
        self, *arguments: str, expect: bool = True, tests: bool = False, **environment: str
    ) -> dict[str, list[str]]:
        """``dbt build``; returns the days (or ['whole']) each recorded model wrote in it."""
        before = self.last_sequence()
        self.dbt("build", *arguments, *([] if tests else UNTESTED), expect=expect, **environment)
        return self.rebuilt(before)

    def build_killed(self, pattern: str, nth: int = 1, when: str = "before") -> None:
        """``dbt build`` in a process of its own that dies by SIGKILL at its nth statement that matches a pattern."""
        script = f"from ledger_harness import run_and_die; run_and_die({pattern!r}, {nth}, {when!r})"
        path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=self.root,
            env=self.environment({"PYTHONPATH": path}),
            capture_output=True,
            text=True,
        )
        assert done.returncode == -9, done.stdout[-3000:] + done.stderr[-2000:]

    def rebuilt(self, since: int) -> dict[str, list[str]]:
        """The days each model wrote after a point of the ledger."""
        rows = self.query(
            f"select distinct model, coalesce(cast(day as varchar), 'whole') from ops.ledger where sequence > {since} "
            "and output_hash not in ('created', 'started') and model = relation order by 1, 2"
        )
        result: dict[str, list[str]] = {}
        for model, day in rows:
            result.setdefault(model, []).append(day)
        return result

    def last_sequence(self) -> int:
        """The newest number in the ledger."""
        return self.query("select coalesce(max(sequence), 0) from ops.ledger")[0][0] if self.exists() else 0

    def exists(self) -> bool:
        return (self.home / "dev/warehouse.duckdb").exists()

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.home / "dev/warehouse.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        with duckdb.connect(str(self.home / "dev/warehouse.duckdb")) as connection:
            connection.execute(sql)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new))
        self.manifest = None

    def write(self, file: str, text: str) -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.manifest = None

    def remove(self, file: str) -> None:
        (self.root / file).unlink()
        self.manifest = None

    def contents(self) -> dict[str, tuple[list[tuple], list[tuple]]]:
        """All recorded tables: their rows (lineage columns aside) and what the ledger has of their days."""
        found = {}
        with duckdb.connect(str(self.home / "dev/warehouse.duckdb"), read_only=True) as connection:
            tables = connection.execute(
                "select table_schema, table_name from information_schema.tables "
                "where table_schema in ('core', 'business') and table_type = 'BASE TABLE' order by 1, 2"
            ).fetchall()
            for schema, table in tables:
                rows = connection.execute(
                    f"select columns(c -> c not like '\\_%' escape '\\') from {schema}.{table} order by all"
                )
                shape = [(column[0], str(column[1])) for column in rows.description]
                recorded = connection.execute(
                    "select day, output_hash, row_count, inputs from ops.fresh where relation = ? and "
                    "output_hash not in ('gone', 'created', 'started') order by day",
                    [table],
                ).fetchall()
                found[table] = (shape, rows.fetchall(), recorded)
        return found


@contextmanager
def inside(folder: Path, environment: dict[str, str]):
    """The process as if started in a folder with an environment."""
    was, where = dict(os.environ), Path.cwd()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(where)
        os.environ.clear()
        os.environ.update(was)


def run_and_die(pattern: str, nth: int, when: str) -> None:
    """``dbt build`` in the current folder that kills its own process at the nth statement that matches a pattern."""
    import re
    import signal

    from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper
    from dbt.cli.main import dbtRunner

    execute = DuckDBCursorWrapper.execute
    seen = 0

    def deadly(self, sql, bindings=None):
        nonlocal seen
        is_it = re.search(pattern, sql) is not None
        seen += is_it
        if is_it and seen == nth and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = execute(self, sql, bindings)
        if is_it and seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    DuckDBCursorWrapper.execute = deadly
    dbtRunner().invoke(["build", *QUIET])
