"""What lies in the landing and the inbox, read from folders' names and manifests: no lock needed, nothing changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from scripts.backends import Table
from scripts.files import read_json
from scripts.home import folder

DAY = re.compile(r"\d{4}-\d\d-\d\d")

# A night's own records land like any fact, on the day after, so that the same night built again sees what it saw the
# first time. They are no reason for another night (macro ``of_own_records``).
OWN_RECORDS = frozenset({("nightshift", "runs"), ("nightshift", "run_nodes"), ("nightshift", "mart_versions")})


@dataclass(frozen=True, order=True)
class Dump:
    """One dump's place in the landing."""

    backend: str
    table: str
    arrived_on: str
    dump_id: str

    @property
    def path(self) -> Path:
        """Its folder."""
        return folder("landing") / self.backend / self.table / f"dt={self.arrived_on}" / self.dump_id

    def manifest(self) -> dict[str, Any]:
        """What its manifest says."""
        return read_json(self.path / "_manifest.json") or {}


def dumps(until: date | str | None = None) -> Iterator[Dump]:
    """Every whole dump that arrived no later than ``until``."""
    for backend in _folders(folder("landing")):
        for table in _folders(backend):
            for day in _folders(table):
                arrived_on = day.name.removeprefix("dt=")
                if DAY.fullmatch(arrived_on) and (until is None or arrived_on <= str(until)):
                    for dump in _folders(day):
                        yield Dump(backend.name, table.name, arrived_on, dump.name)


def landed_days() -> list[date]:
    """The arrival days of what has landed, our own records aside: those of a night arrive the day after it."""
    days = {day.name[3:] for day in folder("landing").glob("*/*/dt=*") if day.parts[-3:-1] not in OWN_RECORDS}
    return sorted(date.fromisoformat(day) for day in days if DAY.fullmatch(day))


def newest_arrival() -> date | None:
    """The latest arrival day of anything landed."""
    return max(landed_days(), default=None)


def arrivals() -> list[date]:
    """The days on which backends shipped anything into the inbox, in order."""
    names = {day.name for backend in _folders(folder("inbox")) for day in _folders(backend)}
    return sorted(date.fromisoformat(name) for name in names if DAY.fullmatch(name))


def last_shipped(table: Table, until: str, at_most: int) -> str | None:
    """The last of the ``at_most`` days up to ``until`` on which the inbox has a file of this table, landed or not.

    An empty file has nothing new in it and so makes no new dump, but its backend did report.
    """
    inbox = folder("inbox") / table.backend
    if not table.files or not inbox.is_dir():
        return None
    for day in [entry for entry in _folders(inbox) if entry.name <= until][: -at_most - 1 : -1]:
        if next(Path(day.path).rglob(table.files), None):
            return day.name
    return None


def _folders(path: str | Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    """The visible folders in a folder, by name; from the directory alone, because there are many thousands."""
    with os.scandir(path) as entries:
        found = [entry for entry in entries if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)]
    return sorted(found, key=lambda entry: entry.name)
