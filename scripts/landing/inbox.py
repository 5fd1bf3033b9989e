"""What lies in the inbox: folders of files by arrival day, read as shipments of tables.

``inbox/<backend>/<arrival day>/…``, in it optionally ``for-<day>/`` (a dump about another day than it arrives) and
``T<HH>/`` (an hour). ``_totals.json`` beside files declares control totals.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from scripts.backends import Backend, Table

TOTALS = "_totals.json"
HOUR = re.compile(r"T([01]\d|2[0-3])")
UNFINISHED = (".tmp", ".part", ".partial", ".filepart", "~")


@dataclass(frozen=True)
class SourceFile:
    """One shipped file. ``content`` stands in for a file when Nightshift itself writes rows (commitments)."""

    path: Path
    name: str
    size: int = 0
    mtime_ns: int = 0
    content: bytes | None = None
    format: str | None = None
    sha256: str | None = None

    @property
    def suffixes(self) -> list[str]:
        """Endings of the name, compression last."""
        return self.path.suffixes


@dataclass(frozen=True)
class Declared:
    """Control totals that the source computed itself."""

    rows: int | None = None
    sums: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Shipment:
    """All files of one table that arrived together about one slot: what becomes one dump."""

    table: Table
    arrived_on: date
    covers_on: date
    slot: str
    files: tuple[SourceFile, ...]
    declared: Declared | None = None
    wrong_totals: str | None = None

    @property
    def label(self) -> str:
        """How messages call it."""
        about = "" if self.covers_on == self.arrived_on else f" (about {self.slot})"
        hour = f" {self.slot[10:]}" if len(self.slot) > 10 and not about else ""
        return f"{self.table.label} of {self.arrived_on}{hour}{about}"

    @property
    def size(self) -> int:
        """Bytes as shipped."""
        return sum(f.size for f in self.files)


@dataclass
class Found:
    """Everything in the inbox up to a day, and what nobody claims."""

    shipments: list[Shipment] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)


def scan(root: Path, backends: Mapping[str, Backend], on: date | None = None) -> Found:
    """All shipments that arrived up to ``on``, in order of arrival."""
    found = Found()
    for folder in _folders(root):
        backend = backends.get(folder.name)
        if backend is None:
            found.strays.append(f"{folder.name}/: no backends/{folder.name}.yml")
            continue
        if backend.source.kind == "postgres":
            found.strays.append(f"{folder.name}/: the backend is read from PostgreSQL, not from files")
            continue
        for day in _folders(Path(folder.path)):
            arrived_on = _date(day.name)
            if arrived_on is None:
                found.strays.append(f"{folder.name}/{day.name}/: not an arrival day (YYYY-MM-DD)")
            elif on is None or arrived_on <= on:
                _arrival(backend, Path(day.path), arrived_on, found)
    found.shipments.sort(key=lambda s: (s.arrived_on, s.covers_on != s.arrived_on, s.slot))
    return found


def _arrival(backend: Backend, folder: Path, arrived_on: date, found: Found) -> None:
    """The shipments of one arrival folder."""
    claimed: dict[tuple[str, date, str], list[SourceFile]] = {}
    totals: dict[Path, dict | str] = {}
    for path, covers_on, slot in _files(folder, arrived_on):
        name = path.name
        if name == TOTALS:
            totals[path.parent] = _read_totals(path)
            continue
        relative = path.relative_to(folder).as_posix()
        table = next((t for t, pattern in backend.patterns if pattern.fullmatch(name)), None)
        if table is None:
            found.strays.append(f"{backend.name}/{arrived_on}/{relative}: no table of the backend claims it")
            continue
        stat = path.stat()
        file = SourceFile(path, relative, stat.st_size, stat.st_mtime_ns)
        tables = backend.tables if table == "*" else [table]
        for each in tables:
            claimed.setdefault((each, covers_on, slot), []).append(file)
    for (table, covers_on, slot), files in claimed.items():
        files.sort(key=lambda f: f.name)
        declared, wrong = _declared(files, totals)
        shipment = Shipment(backend.tables[table], arrived_on, covers_on, slot, tuple(files), declared, wrong)
        found.shipments.append(shipment)


def _files(folder: Path, covers_on: date, slot: str | None = None) -> Iterator[tuple[Path, date, str]]:
    """Files below an arrival folder with the day and slot they are about."""
    slot = slot or str(covers_on)
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda e: e.name)
    for entry in listed:
        if entry.name.startswith(".") or entry.name.endswith(UNFINISHED):
            continue
        if not entry.is_dir():
            yield Path(entry.path), covers_on, slot
        elif entry.name.startswith("for-") and (about := _date(entry.name[4:])):
            yield from _files(Path(entry.path), about)
        elif HOUR.fullmatch(entry.name):
            yield from _files(Path(entry.path), covers_on, f"{covers_on}{entry.name}")
        else:
            yield from _files(Path(entry.path), covers_on, slot)


def _declared(files: list[SourceFile], totals: Mapping[Path, dict | str]) -> tuple[Declared | None, str | None]:
    """Totals declared for all files together; a file without any leaves the dump without."""
    rows: int | None = 0
    sums: dict[str, Decimal] = {}
    entries = []
    for file in files:
        beside = totals.get(file.path.parent, {})
        if isinstance(beside, str):
            return None, beside
        entries.append(beside.get(file.path.name))
    if any(entry is None for entry in entries):
        return None, None
    try:
        for entry in entries:
            rows = None if rows is None or "rows" not in entry else rows + int(entry["rows"])
            for column, total in entry.get("sum", {}).items():
                sums[column] = sums.get(column, Decimal(0)) + Decimal(str(total))
    except (AttributeError, TypeError, ValueError, InvalidOperation):
        return None, f'{TOTALS}: entries must read {{"rows": 12, "sum": {{"amount": "34.56"}}}}'
    return Declared(rows, sums), None


def _read_totals(path: Path) -> dict | str:
    try:
        document = json.loads(path.read_bytes(), parse_float=str)
    except ValueError as error:
        return f"{TOTALS} is no JSON ({error})"
    return document if isinstance(document, dict) else f"{TOTALS} must be a JSON object"


def _folders(root: Path) -> list[os.DirEntry]:
    if not root.is_dir():
        return []
    with os.scandir(root) as entries:
        return sorted((e for e in entries if e.is_dir() and not e.name.startswith(".")), key=lambda e: e.name)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
