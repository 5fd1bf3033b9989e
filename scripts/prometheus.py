"""What ``status`` knows as a Prometheus text file, for node_exporter's textfile collector or anything that reads it.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/. A file is replaced whole (by rename), because
the collector may read at any moment, and its hidden neighbour does not end in ``.prom``, which is what it looks for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.files import replace_text
from scripts.home import folder

FILE = "NIGHTSHIFT_PROMETHEUS"
STATES = {"ok": 0, "warn": 1, "error": 2, "never": 3}

Sample = tuple[Mapping[str, object], float | int]


def metrics_file() -> Path:
    """Where each night leaves its figures: ``NIGHTSHIFT_PROMETHEUS``, or ``nightshift.prom`` among the logs."""
    return Path(os.environ.get(FILE) or folder("logs") / "nightshift.prom")


def write(found: Mapping[str, Any], code: int, path: Path) -> None:
    """Replace the file by the figures of ``found`` (``status.gather``) and what ``status --check`` makes of them."""
    replace_text(path, render(found, code))


def render(found: Mapping[str, Any], code: int) -> str:
    """The figures as text: of each metric its meaning, its type, and its samples in one block."""
    lines = []
    for name, meaning, samples in _metrics(found, code):
        lines += [f"# HELP nightshift_{name} {meaning}", f"# TYPE nightshift_{name} gauge"]
        lines += [f"nightshift_{name}{_labels(labels)} {value}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _metrics(found: Mapping[str, Any], code: int) -> Iterator[tuple[str, str, Iterable[Sample]]]:
    last, shown = found["last_night"], found["published"]
    yield "check", "What status --check says: 0 ok, 1 warning, 2 critical, 3 unknown.", [({}, code)]
    if last:
        ended = datetime.fromisoformat(last["finished_at"]).timestamp()
        yield "last_night_end_timestamp_seconds", "When the last night ended.", [({}, ended)]
        yield "last_night_exit_code", "How it ended (see the README's exit codes).", [({}, last["code"])]
        steps = [({"step": step}, seconds) for step, seconds in last["seconds"].items()]
        yield "last_night_step_seconds", "How long each of its steps took.", steps
    if shown:
        marts = shown["marts"]
        of = [{"mart": mart["mart"], "domain": mart["domain"], "owner": mart["owner"]} for mart in marts]
        rows = [(labels, mart["rows"]) for labels, mart in zip(of, marts, strict=True) if mart["rows"] is not None]
        late = [(labels, int(mart["is_late"])) for labels, mart in zip(of, marts, strict=True)]
        yield "mart_rows", "Rows that readers see.", rows
        yield "mart_late", "1 if an older version is shown because the newest one failed its tests.", late
    sources = [({"table": source["table"], "owner": source["owner"]}, source) for source in found["sources"]]
    behind = [(labels, s["days_behind"]) for labels, s in sources if s["days_behind"] is not None]
    yield "source_days_behind", "Days from a table's newest dump to the last night.", behind
    states = [(labels, STATES[s["state"]]) for labels, s in sources]
    yield "source_state", "0 ok, 1 late, 2 too late, 3 never shipped, as the table's YAML has it.", states
    yield "source_rows", "Rows of a table's newest dumps.", [(labels, s["rows"]) for labels, s in sources]
    odd = {entry["table"]: entry["severity"] for entry in reversed(found["anomalies"])}
    severities = [(labels, {"mild": 1, "severe": 2}.get(odd.get(s["table"], ""), 0)) for labels, s in sources]
    yield "source_odd", "The newest dumps as judged by their past: 0 as usual, 1 mildly odd, 2 severely.", severities
    kept_out = [
        ({key: entry[key] for key in ("table", "layer", "reason")}, entry["rows"]) for entry in found["quarantine"]
    ]
    yield "quarantined_rows", "Rows kept out in the week before the last night.", kept_out
    yield "bytes", "Size of each layer.", [({"layer": layer}, number) for layer, number in found["bytes"].items()]
    if found["disk_free_bytes"] is not None:
        yield "disk_free_bytes", "What is left on the disk.", [({}, found["disk_free_bytes"])]


def _labels(labels: Mapping[str, object]) -> str:
    pairs = [f'{name}="{_escaped(value)}"' for name, value in labels.items()]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(value: object) -> str:
    return str(value).replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
