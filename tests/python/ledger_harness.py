"""A small dbt project over a landing written by hand: what the ledger's tests build, break and build again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent.parent
TYPES = {
    "plays": {"play_id": "varchar", "account_id": "varchar", "track_id": "varchar", "ms_played": "bigint"},
    "tracks": {"track_id": "varchar", "artist_id": "varchar"},
}
LINEAGE = {
    "_event_at": "timestamp",
    "_event_on": "date",
    "_covers_on": "date",
    "_arrived_on": "date",
    "_dump_id": "varchar",
    "_source_file": "varchar",
    "_source_line": "bigint",
}


def field_id(column: str) -> int:
    """The Parquet field id of a landed column, as the macro ``column_field_id`` computes it."""
    return int(hashlib.md5(column.encode()).hexdigest()[:7], 16)


@dataclass
class Ledger:
    """A copy of the test project with its own landing and warehouse."""

    root: Path
    built: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self):
        shutil.copytree(ROOT / "tests/python/ledger_project", self.root, dirs_exist_ok=True)
        for folder in ("landing", "dev", "warehouse", "spill"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "profiles.yml", self.root)
        tables = []
        for table, columns in TYPES.items():
            every = {**columns, **LINEAGE}
            tables.append(
                {
                    "name": table,
                    "identifier": f"playback__{table}",
                    "config": {"meta": {"kind": "snapshot" if table == "tracks" else "log"}},
                    "columns": [{"name": n, "data_type": t} for n, t in every.items()],
                }
            )
        (self.root / "models/sources.yml").write_text(
            json.dumps({"sources": [{"name": "playback", "schema": "landing", "tables": tables}]})
        )

    @property
    def home(self) -> Path:
        return self.root / "var"

    def land(
        self,
        arrived_on: str,
        rows: list[tuple],
        table: str = "plays",
        supersedes: list[str] | None = None,
        covers_on: str | None = None,
    ) -> str:
        """Writes one dump; plays are (play_id, account_id, track_id, ms_played, event day), tracks (track_id, artist_id)."""
        covers_on = covers_on or arrived_on
        dump_id = hashlib.sha256(
            json.dumps([table, covers_on if table == "tracks" else "", rows]).encode()
        ).hexdigest()[:16]
        final = self.home / f"landing/playback/{table}/dt={arrived_on}/{dump_id}"
        final.mkdir(parents=True)
        columns = TYPES[table]
        every = {**columns, **LINEAGE}
        connection = duckdb.connect()
        connection.execute("create table t (" + ", ".join(f"{n} {t}" for n, t in every.items()) + ")")
        for line, row in enumerate(rows, 1):
            event_on = row[len(columns)] if table == "plays" else covers_on
            event_at = f"{event_on} 12:00:00" if table == "plays" else None
            connection.execute(
                "insert into t values (" + ", ".join("?" * len(every)) + ")",
                [*row[: len(columns)], event_at, event_on, covers_on, arrived_on, dump_id, "f", line],
            )
        ids = ", ".join(f"{n}: {field_id(n)}" for n in every)
        connection.execute(
            f"copy (from t order by _event_on) to '{final}/part-0.parquet' (format parquet, field_ids {{{ids}}})"
        )
        days = connection.execute("select cast(_event_on as varchar), count(*) from t group by 1 order by 1").fetchall()
        manifest = {
            "format": 1,
            "backend": "playback",
            "table": table,
            "kind": "snapshot" if table == "tracks" else "log",
            "dump_id": dump_id,
            "arrived_on": arrived_on,
            "covers_on": covers_on,
            "slot": covers_on,
            "supersedes": supersedes or [],
            "rows": len(rows),
            "files": [{"name": "part-0.parquet"}],
            "event_days": [{"day": d, "rows": n} for d, n in days],
        }
        (final / "_manifest.json").write_text(json.dumps(manifest))
        return dump_id

    def dbt(self, *arguments: str, expect: int = 0, **environment: str) -> str:
        """Runs dbt as an analyst does; remembers which days each model said it rebuilt."""
        env = {
            **os.environ,
            "NIGHTSHIFT_HOME": str(self.home),
            "NIGHTSHIFT_PROJECT_MACROS": str(ROOT / "macros"),
            "DBT_PROFILES_DIR": str(self.root),
            **environment,
        }
        done = subprocess.run(
            [str(Path(sys.executable).parent / "dbt"), *arguments],
            cwd=self.root,
            env=env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == expect, done.stdout[-6000:] + done.stderr[-2000:]
        return done.stdout

    def build(self, *arguments: str, expect: int = 0, **environment: str) -> dict[str, list[str]]:
        """``dbt build``; returns the days (or ['whole']) each recorded model wrote in it."""
        before = self.query("select coalesce(max(sequence), 0) from ops.ledger")[0][0] if self.exists() else 0
        self.dbt("build", *arguments, expect=expect, **environment)
        rows = self.query(
            f"select distinct model, coalesce(cast(day as varchar), 'whole') from ops.ledger where sequence > {before} "
            "and output_hash not in ('created', 'started') and model = relation order by 1, 2"
        )
        result: dict[str, list[str]] = {}
        for model, day in rows:
            result.setdefault(model, []).append(day)
        return result

    def exists(self) -> bool:
        return (self.home / "dev/warehouse.duckdb").exists()

    def query(self, sql: str) -> list[tuple]:
        connection = duckdb.connect(str(self.home / "dev/warehouse.duckdb"), read_only=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
