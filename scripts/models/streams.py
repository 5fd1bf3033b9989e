"""Artificial streaming: the models' own SQL over any file of plays, without a warehouse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from scripts.console import FAILED, USAGE, Stop
from scripts.home import PROJECT, folder

RULES = PROJECT / "seeds" / "streaming_rules.csv"
VERDICTS = "int_risk__suspicious_plays"
COLUMNS = ("play_id", "account_id", "track_id", "started_at", "ms_played", "country", "device_id", "network_prefix")


def compiled_models() -> Mapping[str, Any]:
    """The models between core.fct_plays and the verdicts, compiled by dbt, each after what it reads."""
    target = folder("examples") / "streams-target"
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "compile", "--select", f"+{VERDICTS}"]
    environment = {**os.environ, "NIGHTSHIFT_HOME": str(folder("examples")), "DBT_PROFILES_DIR": str(PROJECT)}
    (folder("examples") / "dev").mkdir(exist_ok=True)
    done = subprocess.run(
        [*command, "--target-path", str(target), "--log-path", str(target / "logs")],
        cwd=PROJECT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise Stop(f"the rules' models do not compile:\n{done.stdout[-2000:]}", FAILED)
    nodes = json.loads((target / "manifest.json").read_bytes())["nodes"]
    ordered: dict[str, Any] = {}

    def visit(identifier: str) -> None:
        node = nodes.get(identifier)
        if node is None or node["resource_type"] != "model" or node["name"] in ("fct_plays", *ordered):
            return
        for parent in node["depends_on"]["nodes"]:
            visit(parent)
        ordered[node["name"]] = node

    visit(f"model.nightshift.{VERDICTS}")
    return ordered


def verdicts(connection: duckdb.DuckDBPyConnection, plays: Path, models: Mapping[str, Any]) -> None:
    """Make core.fct_plays from a file with the contract's columns, and from it the verdicts with all between."""
    columns = {row[0] for row in connection.execute("describe from read_parquet(?)", [str(plays)]).fetchall()}
    renamed = {"ms_played": "played_ms"} if "ms_played" not in columns and "played_ms" in columns else {}
    if missing := [name for name in COLUMNS if renamed.get(name, name) not in columns]:
        raise Stop(f"{plays.name} has no column {', '.join(missing)}", USAGE)
    true_time = "started_at + (received_at - sent_at)" if {"received_at", "sent_at"} <= columns else "started_at"
    order = "received_at" if "received_at" in columns else "started_at"
    length = renamed.get("ms_played", "ms_played")
    for schema in ("core", "intermediate", "risk", "seeds"):
        connection.execute(f"create schema if not exists {schema}")
    connection.execute(f"create or replace table seeds.streaming_rules as from read_csv('{RULES}', header = true)")
    connection.execute(
        f"create or replace table core.fct_plays as select play_id, account_id, track_id, {true_time} as played_at, "
        f"cast({true_time} as date) as played_on, {length} as ms_played, country, device_id, network_prefix "
        f"from (select *, row_number() over (partition by play_id order by {order}, {length} desc) as copy_number "
        "from read_parquet($plays)) where copy_number = 1",
        {"plays": str(plays)},
    )
    database = connection.execute("select current_database()").fetchone()[0]
    for node in models.values():
        sql = node["compiled_code"].replace('"warehouse".', f'"{database}".')
        connection.execute(f'create or replace table {node["schema"]}."{node["alias"]}" as {sql}')
