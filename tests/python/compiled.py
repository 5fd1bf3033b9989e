"""The models' own SQL, compiled once by dbt and run in this process over rows of a test: hundreds of cases in seconds.

A ``Models`` is an empty database with every landed table of the backends. ``insert`` puts rows in; ``run`` makes the
named models and all they are made of, whole, in order.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from scripts.backends import load_all

ROOT = Path(__file__).resolve().parent.parent.parent
BACKENDS = load_all()


@functools.cache
def target(variables: str = "{}") -> Path:
    """dbt's target folder with the manifests and compiled SQL, made anew when anything it is made of changes."""
    digest = hashlib.sha256(variables.encode())
    for folder in ("models", "campaigns", "macros", "seeds", "backends", "dbt_project.yml", "profiles.yml"):
        for path in sorted((ROOT / folder).rglob("*")) if (ROOT / folder).is_dir() else [ROOT / folder]:
            if path.is_file():
                digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    home = Path(tempfile.gettempdir()) / f"nightshift-compiled-{os.getuid()}" / digest.hexdigest()[:16]
    found = home / "target"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes; one compiles, the others wait for it
        if not found.exists():
            _compile(home, variables)
    return found


@functools.cache
def manifest(variables: str = "{}") -> dict[str, Any]:
    """dbt's manifest with compiled SQL."""
    return json.loads((target(variables) / "manifest.json").read_text())


def _compile(home: Path, variables: str) -> None:
    """Has dbt compile all models, into a folder that takes its name when it is whole."""
    (home / "dev").mkdir(exist_ok=True)
    making = home / "making"
    shutil.rmtree(making, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("dbt")), "compile", "--profiles-dir", str(ROOT), "--vars", variables]
    command += ["--target-path", str(making), "--no-partial-parse"]
    env = {**os.environ, "NIGHTSHIFT_HOME": str(home), "DBT_LOG_PATH": str(home / "logs")}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:]
    making.rename(home / "target")


class Models:
    """A database in memory in which models can be run."""

    def __init__(self, **variables: Any) -> None:
        self.manifest = manifest(json.dumps(variables, sort_keys=True))
        self.nodes = {
            node["name"]: node for node in self.manifest["nodes"].values() if node["resource_type"] in ("model", "seed")
        }
        self.made: set[str] = set()
        self.filled: set[str] = set()
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute(
            "set TimeZone = 'UTC'; attach ':memory:' as warehouse; use warehouse; create schema landing"
        )
        for backend in BACKENDS.values():
            for table in backend.tables.values():
                columns = ", ".join(f"{column.name} {column.landed_type}" for column in table.landed)
                self.connection.execute(f"create table landing.{table.identifier} ({columns})")
        for schema in {node["schema"] for node in self.nodes.values()}:
            self.connection.execute(f"create schema if not exists {schema}")

    def insert(self, table: str, rows: Iterable[Mapping[str, Any]], arrived_on: str | None = None) -> None:
        """Rows of a landed table ("billing.payments"), as if they had just been landed."""
        backend, name = table.split(".")
        contract = BACKENDS[backend].tables[name]
        columns = [column.name for column in contract.landed]
        values = []
        for line, row in enumerate(rows, 1):
            unknown = set(row) - set(columns)
            assert not unknown, f"{table} has no {sorted(unknown)}"
            event_at = None if contract.kind == "snapshot" else str(row.get("_event_at") or row[contract.event_at])
            event_on = event_at[:10] if event_at else row["_covers_on"]
            lineage = {
                "_event_at": event_at,
                "_event_on": event_on,
                "_covers_on": event_on,
                "_arrived_on": arrived_on or event_on,
                "_dump_id": "test",
                "_source_file": "rows of a test",
                "_source_line": line,
            }
            values.append([{**lineage, **row}.get(column) for column in columns])
        if values:
            row = f"({', '.join('?' * len(columns))})"
            self.connection.execute(
                f"insert into landing.{backend}__{name} values {', '.join([row] * len(values))}",
                [v for row in values for v in row],
            )
            self.filled.add(f"landing.{backend}__{name}")

    def clear(self) -> None:
        """Empties the landing."""
        while self.filled:
            self.connection.execute(f"truncate {self.filled.pop()}")

    def order(self, *names: str) -> list[str]:
        """These models and all above them, each after what it reads."""
        done: list[str] = []

        def visit(name: str) -> None:
            if name in done or name not in self.nodes:
                return
            for parent in self.nodes[name].get("depends_on", {}).get("nodes", []):
                visit(parent.split(".")[-1])
            done.append(name)

        for name in names:
            visit(name)
        return done

    def run(self, *names: str, keep: Iterable[str] = ()) -> None:
        """Makes these models and all they are made of, from the whole landing; those to keep only if they are new."""
        for name in self.order(*names):
            node = self.nodes[name]
            relation = f'{node["schema"]}."{node["alias"]}"'
            if name in self.made and (
                name in keep or node["resource_type"] == "seed" or node["config"]["materialized"] == "view"
            ):
                continue
            self.made.add(name)
            if node["resource_type"] == "seed":
                self._seed(node, relation)
            else:
                kind = "view" if node["config"]["materialized"] == "view" else "table"
                self.connection.execute(f"create or replace {kind} {relation} as {node['compiled_code']}")

    def _seed(self, node: Mapping[str, Any], relation: str) -> None:
        path, types = ROOT / node["original_file_path"], node["config"]["column_types"]
        self.connection.execute(f"create or replace table {relation} as from read_csv('{path}', types = {types})")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The answer to a query."""
        return self.connection.execute(sql).fetchall()
