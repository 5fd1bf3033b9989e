"""What benchmarks make for themselves: dumps that lie in the landing without having been landed, models as SQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from scripts.backends import Table
from scripts.home import PROJECT
from scripts.landing.store import MANIFEST

PART = "part-0.parquet"


def put_manifest(
    folder: Path,
    table: Table,
    arrived_on: date,
    rows: int,
    event_on: date | None = None,
    slot: str | None = None,
    content_id: str | None = None,
) -> None:
    """Say of a folder with ``PART`` that it is a dump of a log, all of one day: that of its arrival by default.

    The folder's name is the dump's id; ``slot`` is what it covers, by default the day; ``content_id`` what landing
    would call the files it is made of, where they are there.
    """
    document = {
        "format": 1, "backend": table.backend, "table": table.name, "kind": "log", "dump_id": folder.name,
        "arrived_on": f"{arrived_on}", "covers_on": f"{arrived_on}", "slot": slot or f"{arrived_on}", "supersedes": [],
        "rows": rows, "quarantined": {}, "control_totals": {}, "files": [{"name": PART, "rows": rows}],
        "event_days": [{"day": f"{event_on or arrived_on}", "rows": rows}], "content_id": content_id or folder.name,
    }  # fmt: skip
    (folder / MANIFEST).write_text(json.dumps(document))


def nodes(folder: Path, select: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What dbt's manifest says of the project, the selected models compiled, in a home of its own."""
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "compile", "--profiles-dir", str(PROJECT),
               "--target-path", str(folder / "target"), "--select", *select]  # fmt: skip
    env = {**os.environ, "NIGHTSHIFT_HOME": str(folder), "DBT_LOG_PATH": str(folder / "logs")}
    (folder / "dev").mkdir()
    subprocess.run(command, cwd=PROJECT, env=env, check=True, capture_output=True)
    return json.loads((folder / "target/manifest.json").read_text())["nodes"]


def compiled(folder: Path, select: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Schema and SQL of the selected models, by name."""
    return {
        node["name"]: (node["schema"], node["compiled_code"])
        for node in nodes(folder, select).values()
        if node.get("compiled_code") and node["resource_type"] == "model"
    }


def make(connection: duckdb.DuckDBPyConnection, models: Mapping[str, tuple[str, str]], name: str) -> None:
    """Make one of the ``compiled`` models, whole."""
    schema, sql = models[name]
    connection.execute(f"create or replace table {schema}.{name} as {sql}")
