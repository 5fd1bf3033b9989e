"""What a night was, as rows of Nightshift's own records: its steps, the nodes dbt ran, the marts readers then had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from scripts.backends import load_all
from scripts.console import DONE, FAILED, REFUSED
from scripts.dbt_process import Run
from scripts.files import files_below
from scripts.home import folder
from scripts.landed import OWN_RECORDS
from scripts.published import Mart, Published, current_folder
from scripts.warehouse import settings

OUTCOMES = {DONE: "ok", REFUSED: "refused", FAILED: "failed"}
MESSAGE = 500


@dataclass(frozen=True)
class Step:
    """One step of a night, or the night: how it ended, and what it took (seconds, bytes of its largest process)."""

    name: str
    code: int
    started_at: datetime
    seconds: float
    peak_memory: int

    def as_row(self) -> dict[str, Any]:
        """What ``runs`` says of every step alike. The end is the beginning and the time it took: clocks go back."""
        began = self.started_at.astimezone(UTC).replace(tzinfo=None)
        return {
            "step": self.name,
            "started_at": began,
            "finished_at": began + timedelta(seconds=self.seconds),
            "seconds": round(self.seconds, 3),
            "peak_memory_bytes": self.peak_memory,
            "outcome": OUTCOMES.get(self.code, "stopped"),
            "exit_code": self.code,
        }


def nodes_run(
    run: Run, rebuilt: Iterable[tuple[str, Mapping[str, Any]]], project: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A build's nodes as ``run_nodes`` has them, run and day aside; ``rebuilt``: what was written of which model."""
    written = dict(rebuilt)
    known = {**project["nodes"], **project.get("unit_tests", {})}
    found = []
    for result in run.results:
        node = known.get(result.node, {})
        about = project["nodes"].get(node.get("attached_node") or "", {}).get("name") or node.get("model")
        what = written.get(result.name) if result.node.startswith("model.") else None
        found.append(
            {
                "node": result.node,
                "kind": result.node.split(".")[0],
                "name": result.name,
                "about": about,
                "domain": _domain(node.get("original_file_path", "")),
                "status": result.status,
                "seconds": round(result.seconds, 3),
                "started_at": result.started_at,
                "thread": result.thread,
                "rows_written": what["rows"] if what else None,
                "days_written": max(len(what["days"]), 1) if what else None,
                "failures": result.failures,
                "message": result.message[:MESSAGE] if result.is_bad or result.status == "warn" else None,
            }
        )
    return found


def _domain(path: str) -> str:
    """The folder below models/<layer>/ or tests/sql/, as the macro ``domain_of`` has it; a hook's file."""
    parts = path.removeprefix("./").split("/")
    return parts[2] if len(parts) > 3 else parts[0]


def mart_versions(shown_before: str | None) -> list[dict[str, Any]]:
    """What readers are shown now, mart by mart, as ``mart_versions`` has it, run and day aside.

    Changed is what was first shown after the published run that the last recorded night left (``shown_before``).
    """
    here = current_folder()
    shown = Published.read(here) if here else None
    if here is None or shown is None:
        return []
    sizes = _table_sizes(here / "marts.duckdb")
    before = Published.read(folder("published") / shown_before) if shown_before else None
    was = {mart.key: mart.changed_run for mart in before.marts} if before else {}
    return [
        {
            "mart": mart.key,
            "domain": mart.domain,
            "published_run": shown.run_id,
            "changed_run": mart.changed_run,
            "content_hash": mart.content_hash,
            "row_count": mart.row_count,
            "bytes": _facts_size(here, mart) if mart.is_facts else sizes.get(mart.key),
            "is_changed": mart.hash is not None and mart.changed_run != was.get(mart.key),
            "late_since": shown.domains[mart.domain].late_since,
        }
        for mart in shown.marts
    ]


def _facts_size(run: Path, mart: Mart) -> int:
    return sum(entry.stat().st_size for entry in files_below(run / "facts" / mart.name))


def _table_sizes(file: Path) -> dict[str, int]:
    """Bytes of the blocks each table of a file has rows in. A block may hold several small tables."""
    if not file.exists():
        return {}
    with duckdb.connect(str(file), read_only=True, config=settings()) as connection:
        (block,) = connection.execute("select block_size from pragma_database_size()").fetchone()
        tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        sizes = {}
        for schema, table in tables:
            (blocks,) = connection.execute(
                "select count(distinct block_id) from pragma_storage_info(?) where block_id >= 0",
                [f'"{schema}"."{table}"'],
            ).fetchone()
            sizes[f"{schema}.{table}"] = blocks * block
    return sizes


def commit_night(
    day: date,
    night: Step,
    steps: Iterable[Step],
    facts: Mapping[str, Any],
    nodes: Iterable[Mapping[str, Any]],
    shown_before: str | None,
) -> None:
    """Put a night on record in the landing, where it outlives the warehouse; if the project has tables for it.

    ``facts`` is what ``runs`` says of the night beside its times, ``nodes`` what its build ran (empty if it did not
    build), ``shown_before`` the published run readers saw after the last recorded night. What is about the run appears
    before the run.
    """
    from scripts.land import commit_together

    backends = load_all()
    if not all(backend in backends and table in backends[backend].tables for backend, table in OWN_RECORDS):
        return
    run = {"run_id": f"{day}-{night.started_at:%Y%m%dT%H%M%S}", "logical_on": day}
    commit_together(
        {
            "run_nodes": [{**run, **node} for node in nodes],
            "mart_versions": [{**run, **mart} for mart in mart_versions(shown_before)],
            "runs": [{**run, **night.as_row(), **facts}, *({**run, **step.as_row()} for step in steps)],
        },
        arrived_on=day + timedelta(days=1),
    )
