"""The registry: every version of every trained model, whole or not at all, and which of them serves.

``registry/<model>/<version>/`` holds the artifact's files and ``_record.json``, which names each file with its hash and
says what it was trained on and how good it was. A version's name is its last training day and a hash of all that, so
the same training gives the same version. Which version serves is not kept here: it follows from the decisions
(promote, demote) that landed as commitments, so a warehouse rebuilt from the landing serves the same champion.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb

from scripts.commitments import committed_files
from scripts.console import REFUSED, USAGE, Stop
from scripts.faults import fault_point
from scripts.files import sync
from scripts.home import folder

RECORD = "_record.json"
NAME = re.compile(r"\d{4}-\d\d-\d\d-[0-9a-f]{8}")


class Damaged(Stop):
    """A version is not what was registered: a file is missing, was changed or was added."""

    def __init__(self, path: Path, problem: str) -> None:
        model = path.parent.name
        super().__init__(
            f"registry {model}/{path.name}: {problem}; it is not used. `./nightshift train {model}` makes a whole one, "
            f"`./nightshift demote {model}` lets the version before it serve",
            REFUSED,
        )


@dataclass(frozen=True)
class Version:
    """One registered version of a model, checked against its record when it was opened."""

    model: str
    name: str
    path: Path
    record: Mapping[str, Any]

    def read(self, file: str) -> bytes:
        """A file of the artifact."""
        return (self.path / file).read_bytes()

    @property
    def trained_to(self) -> date:
        """The last day of its training window."""
        return date.fromisoformat(self.name[:10])


@dataclass(frozen=True)
class Decision:
    """One decision about a version: it was promoted, kept back or demoted."""

    model: str
    version: str
    decided_at: datetime
    action: str
    reason: str
    decided_by: str


def register(model: str, files: Mapping[str, bytes], record: Mapping[str, Any], trained_to: date) -> Version:
    """Put a version on the disk, whole or not at all. The same content again is the same version: nothing happens,
    unless it was damaged meanwhile.
    """
    full = {
        **record,
        "model": model,
        "trained_to": str(trained_to),
        "files": {name: {"bytes": len(data), "sha256": _sha256(data)} for name, data in sorted(files.items())},
    }
    text = json.dumps(full, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    version = f"{trained_to}-{_sha256(text.encode())[:8]}"
    shelf = folder("registry") / model
    shelf.mkdir(exist_ok=True)
    final = shelf / version
    if final.exists():
        try:
            return load(model, version)
        except Damaged:
            # what somebody did to it is set aside: what was registered takes its place again
            shutil.rmtree(shelf / f".damaged-{version}", ignore_errors=True)
            final.rename(shelf / f".damaged-{version}")
    making = shelf / f".making-{version}"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    for name, data in files.items():
        _write(making / name, data)
        fault_point("registry:after-file")
    _write(making / RECORD, text.encode())
    sync(making)
    fault_point("registry:before-rename")
    making.rename(final)
    sync(shelf)
    return load(model, version)


def versions(model: str) -> list[str]:
    """The names of a model's whole versions, oldest first."""
    shelf = folder("registry") / model
    return sorted(path.name for path in shelf.iterdir() if NAME.fullmatch(path.name)) if shelf.is_dir() else []


def load(model: str, version: str) -> Version:
    """A version whose files are all there, unchanged and alone; anything else is refused."""
    path = folder("registry") / model / version
    if not path.is_dir():
        raise Stop(f"the registry has no {model}/{version}; it has {', '.join(versions(model)) or 'none'}", USAGE)
    try:
        text = (path / RECORD).read_bytes()
        record = json.loads(text)
        promised = record["files"]
    except (OSError, ValueError, KeyError, TypeError):
        raise Damaged(path, f"{RECORD} cannot be read") from None
    if not version.endswith(_sha256(text)[:8]):
        raise Damaged(path, f"{RECORD} was changed after registration")
    if strangers := {file.name for file in path.iterdir()} - set(promised) - {RECORD}:
        raise Damaged(path, f"{', '.join(sorted(strangers))} was not registered")
    for name, promise in promised.items():
        if not (path / name).is_file():
            raise Damaged(path, f"{name} is missing")
        if _sha256((path / name).read_bytes()) != promise["sha256"]:
            raise Damaged(path, f"{name} was changed after registration")
    return Version(model, version, path, record)


def decisions(model: str, until: date | None = None) -> list[Decision]:
    """What was decided about a model and had landed by ``until``, in the order in which it was decided."""
    files = committed_files("promotions", until)
    if not files:
        return []
    rows = duckdb.execute(
        "select distinct model, version, decided_at, action, reason, decided_by from read_parquet($files) "
        "where model = $model order by decided_at, version, action, reason, decided_by",
        {"files": files, "model": model},
    ).fetchall()
    return [Decision(*row) for row in rows]


def champion(model: str, until: date | None = None) -> str | None:
    """The version that serves: the last one promoted that was not demoted since; None if there is none."""
    return _serving(decisions(model, until))


def decide(
    model: str,
    version: str,
    action: str,
    on: date,
    reason: str,
    decided_by: str,
    metrics: Mapping[str, Any] | None = None,
) -> None:
    """Commit a decision of ``on``. It holds from the next day, so that a night built again sees what it saw before."""
    from scripts.land import commit

    if action != "demote":  # what is damaged must not stay champion for that
        load(model, version)
    before = decisions(model)
    same_day = sum(decision.decided_at.date() == on for decision in before)
    commit(
        "promotions",
        [
            {
                "model": model,
                "version": version,
                "decided_at": datetime.combine(on, time()) + timedelta(seconds=same_day),
                "action": action,
                "champion_before": _serving(before),
                "reason": reason,
                "decided_by": decided_by,
                "metrics_json": json.dumps(metrics or {}, sort_keys=True, allow_nan=False),
            }
        ],
        arrived_on=on + timedelta(days=1),
    )


def promote(
    model: str, version: str, on: date, reason: str, decided_by: str, metrics: Mapping[str, Any] | None = None
) -> None:
    """Let a version serve from the next day."""
    if champion(model) == version:
        return
    decide(model, version, "promote", on, reason, decided_by, metrics)


def demote(model: str, on: date, reason: str, decided_by: str) -> str | None:
    """Take the champion back; the version that served before it serves again. Returns that version."""
    serving = champion(model)
    if serving is None:
        raise Stop(f"{model} has no champion to demote", USAGE)
    decide(model, serving, "demote", on, reason, decided_by)
    return champion(model)


def sweep(model: str) -> list[str]:
    """Remove what a killed training left half made; returns the names."""
    left = list((folder("registry") / model).glob(".making-*"))
    for path in left:
        shutil.rmtree(path)
    return [path.name for path in left]


def fingerprint(paths: Sequence[Path]) -> str:
    """A hash of the content of code files, to say with which code a version was made."""
    return _sha256(b"".join(path.read_bytes() for path in sorted(paths)))[:16]


def data_fingerprint(*arrays: object) -> str:
    """A hash of numpy arrays, to say from which data a version was made."""
    return _sha256(b"".join(array.tobytes() for array in arrays))[:16]


def _serving(made: Sequence[Decision]) -> str | None:
    serving: list[str] = []
    for decision in made:
        if decision.action in ("promote", "demote"):
            serving = [version for version in serving if version != decision.version]
        if decision.action == "promote":
            serving.append(decision.version)
    return serving[-1] if serving else None


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
    sync(path)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def all_models() -> Iterator[str]:
    """Names of the models that have a shelf."""
    yield from sorted(path.name for path in folder("registry").iterdir() if path.is_dir())
