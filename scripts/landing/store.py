"""The landing's folders: immutable dumps with a manifest, and a local index of what lies there.

``landing/<backend>/<table>/dt=<arrival day>/<dump id>/`` is renamed into place whole. The index
(``landing/.index.sqlite``) only saves time: it knows the hashes of files seen in the inbox and the dumps landed. Delete
it and it is built again from the manifests. A row of it is written before the dump appears, and believed only if the
dump is there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from itertools import takewhile
from pathlib import Path

from scripts.backends import Table
from scripts.faults import fault_point
from scripts.home import folder, home
from scripts.landing.inbox import Shipment, SourceFile
from scripts.landing.streams import sha256

MANIFEST = "_manifest.json"
SOME = 20


@dataclass(frozen=True)
class Dump:
    """What the index knows of a landed dump; ``content_id`` is not its id where older content was shipped again."""

    backend: str
    table: str
    dump_id: str
    content_id: str
    arrived_on: date
    slot: str
    rows: int
    supersedes: tuple[str, ...]

    @classmethod
    def of(cls, manifest: dict) -> Dump:
        """From its manifest."""
        return cls(
            backend=manifest["backend"],
            table=manifest["table"],
            dump_id=manifest["dump_id"],
            content_id=manifest.get("content_id", manifest["dump_id"]),
            arrived_on=date.fromisoformat(manifest["arrived_on"]),
            slot=manifest["slot"],
            rows=manifest["rows"],
            supersedes=tuple(manifest["supersedes"]),
        )

    @property
    def age(self) -> tuple[date, int]:
        """Dumps of one slot in the order in which they replaced each other."""
        return self.arrived_on, len(self.supersedes)


@dataclass
class Store:
    """The landing, with its index. Use as a context manager."""

    root: Path = field(default_factory=lambda: folder("landing"))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Store:
        self._open()
        return self

    def __exit__(self, *error: object) -> None:
        self.database.close()
        shutil.rmtree(self.staging, ignore_errors=True)

    @property
    def index_path(self) -> Path:
        """The index's file."""
        return self.root / ".index.sqlite"

    @property
    def staging(self) -> Path:
        """Where dumps are written before they appear; on the landing's own file system."""
        return self.root / ".staging"

    def _open(self) -> None:
        shutil.rmtree(self.staging, ignore_errors=True)
        self.staging.mkdir(parents=True)
        is_new = not self.index_path.exists()
        self.database = sqlite3.connect(self.index_path, timeout=60, isolation_level=None, check_same_thread=False)
        self.database.execute("pragma synchronous = off")
        self.database.executescript("""
            create table if not exists files (path text primary key, size, mtime_ns, sha256 text) without rowid;
            create table if not exists dumps (
                backend text, tbl text, dump_id text, content_id text, arrived_on text, slot text, rows integer,
                supersedes text, primary key (backend, tbl, dump_id)
            ) without rowid;
            create index if not exists by_slot on dumps (backend, tbl, slot);
            create index if not exists by_arrival on dumps (backend, tbl, arrived_on, slot);
        """)
        if is_new:
            self._index(read_manifests(self.root))
        # those about to appear, by table and id
        self.expected: dict[tuple[str, str], dict[str, Dump]] = {}

    def _index(self, manifests: Iterable[dict]) -> None:
        rows = [
            (d.backend, d.table, d.dump_id, d.content_id, str(d.arrived_on), d.slot, d.rows, " ".join(d.supersedes))
            for d in map(Dump.of, manifests)
        ]
        with self.lock:
            self.database.execute("begin")
            self.database.executemany("insert or replace into dumps values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self.database.execute("commit")

    def folder_of(self, dump: Dump) -> Path:
        """Where a dump lies."""
        return self.root / dump.backend / dump.table / f"dt={dump.arrived_on}" / dump.dump_id

    # What is known of shipped files

    def hash_files(self, shipments: Iterable[Shipment]) -> dict[Path, str]:
        """Content hashes of all files, read only where size or time say that they changed."""
        found: dict[Path, str] = {}
        fresh = []
        for file in {f.path: f for s in shipments for f in s.files}.values():
            known = self.database.execute("select size, mtime_ns, sha256 from files where path = ?", (str(file.path),))
            if (seen := known.fetchone()) and seen[:2] == (file.size, file.mtime_ns):
                found[file.path] = seen[2]
                continue
            found[file.path] = _hash(file)
            if file.content is None and file.sha256 is None:
                fresh.append((str(file.path), file.size, file.mtime_ns, found[file.path]))
        if fresh:
            self.database.execute("begin")
            self.database.executemany("insert or replace into files values (?, ?, ?, ?)", fresh)
            self.database.execute("commit")
        return found

    # What is known of dumps

    # Asked of the index one by one, because a landing of an hour knows two dumps of the many thousands of a year.

    def _those(self, table: Table, where: str, *values: str, by: str = "not indexed") -> Iterator[Dump]:
        """The dumps of a table that the index says a condition of SQL holds for, and that are there.

        ``by`` names the way to them: SQLite would rather look through the table.
        """
        expected = self.expected.get((table.backend, table.name), {})
        with self.lock:
            found = self.database.execute(
                f"select * from dumps {by} where backend = ? and tbl = ? and {where}",
                (table.backend, table.name, *values),
            )
            rows = found.fetchmany(SOME)
        while rows:
            for row in rows:
                dump = Dump(*row[:4], date.fromisoformat(row[4]), row[5], row[6], tuple(row[7].split()))
                if dump.dump_id not in expected and (self.folder_of(dump) / MANIFEST).exists():
                    yield dump
            with self.lock:
                rows = found.fetchmany(SOME)

    def _expected(self, table: Table) -> list[Dump]:
        return list(self.expected.get((table.backend, table.name), {}).values())

    def _called(self, table: Table, dump_id: str) -> Dump | None:
        """A dump by its id."""
        expected = self.expected.get((table.backend, table.name), {})
        return expected.get(dump_id) or next(self._those(table, "dump_id = ?", dump_id), None)

    def place(self, shipment: Shipment, content_id: str) -> Placed | None:
        """The id a shipment gets and the dumps it supersedes; None if it has landed. Raises ``OutOfOrder``."""
        table, elsewhere = shipment.table, self._called(shipment.table, content_id)
        if table.kind == "commitment":
            return None if elsewhere else Placed(content_id, ())
        slot = [*self._those(table, "slot = ?", shipment.slot, by="indexed by by_slot")]
        slot += [d for d in self._expected(table) if d.slot == shipment.slot]
        before = [d for d in slot if d.arrived_on <= shipment.arrived_on]
        newest = max(before, key=lambda d: d.age, default=None)
        if newest and newest.content_id == content_id:
            return None
        if elsewhere and (elsewhere.slot != shipment.slot or elsewhere.arrived_on > shipment.arrived_on):
            return None
        if elsewhere and elsewhere.arrived_on < shipment.arrived_on and not newest:
            return None
        later = [d for d in slot if d.arrived_on > shipment.arrived_on]
        if later:
            newest = max(later, key=lambda d: d.age)
            raise OutOfOrder(
                f"arrived before dump {newest.dump_id} of {newest.arrived_on}, which replaced this slot; ship it again "
                f"in a newer arrival folder, under for-{shipment.covers_on}/"
            )
        dump_id = content_id
        if elsewhere:  # content that was replaced since comes back: a dump of its own, or it would not be seen
            dump_id = _digest([content_id, newest.dump_id if newest else ""])
        return Placed(dump_id, tuple(d.dump_id for d in sorted(before, key=lambda d: d.age)))

    def newest(self, shipment: Shipment) -> Dump | None:
        """The dump of the same table that arrived last, up to the shipment's own arrival."""
        day = shipment.arrived_on
        known = self._those(
            shipment.table,
            "arrived_on <= ? order by arrived_on desc, slot desc",
            str(day),
            by="indexed by by_arrival",
        )
        newest = next(known, None)
        same = takewhile(lambda d: (d.arrived_on, d.slot) == (newest.arrived_on, newest.slot), known)
        dumps = [newest, *same] if newest else []
        dumps += [d for d in self._expected(shipment.table) if d.arrived_on <= day]
        return max(dumps, key=lambda d: (d.arrived_on, d.slot, len(d.supersedes)), default=None)

    def expect(self, manifest: dict) -> None:
        """Count a dump about to appear among those there are."""
        dump = Dump.of(manifest)
        self.expected.setdefault((dump.backend, dump.table), {})[dump.dump_id] = dump

    def table(self, table: Table) -> list[Dump]:
        """The dumps of a table."""
        return [*self._those(table, "true"), *self._expected(table)]

    def last_cursor(self, table: Table, before: date) -> str | None:
        """How far a log in a live database was read before a day, as the newest dump that says so has it."""
        dumps = [d for d in self.table(table) if d.arrived_on < before]
        for dump in sorted(dumps, key=lambda d: d.age, reverse=True):
            manifest = json.loads((self.folder_of(dump) / MANIFEST).read_bytes())
            if manifest.get("cursor") is not None:
                return manifest["cursor"]
        return None

    def publish(self, staged: Sequence[tuple[Path, dict]]) -> None:
        """Make dumps appear, each by one rename, when all of their bytes are on the disk."""
        with ThreadPoolExecutor(8) as pool:  # together, because the disk then writes them together
            list(pool.map(_to_disk, (file for path, _ in staged for file in path.iterdir())))
        self._index(manifest for _, manifest in staged)
        fault_point("land:before-rename")
        for path, manifest in staged:
            dump = Dump.of(manifest)
            target = self.folder_of(dump)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
            self.expected.get((dump.backend, dump.table), {}).pop(dump.dump_id, None)
            fault_point("land:after-rename")


class OutOfOrder(Exception):
    """A dump that arrived before one that already replaced it."""


@dataclass(frozen=True)
class Placed:
    """Where a new dump stands."""

    dump_id: str
    supersedes: tuple[str, ...]


def content_id(shipment: Shipment, hashes: dict[Path, str]) -> str:
    """The id of a shipment's content: backend, table, its files' hashes, and the slot where content may stay alike."""
    table = shipment.table
    parts = [table.backend, table.name, *sorted(hashes[f.path] for f in shipment.files)]
    if table.kind == "snapshot" or table.source.kind == "postgres":
        parts.append(shipment.slot)
    return _digest(parts)


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _hash(file: SourceFile) -> str:
    if file.sha256:
        return file.sha256
    return sha256(file.path) if file.content is None else hashlib.sha256(file.content).hexdigest()


def manifest_paths(root: Path | None = None) -> Iterator[Path]:
    """All manifests, in order of backend, table, arrival day and id."""
    root = root or home() / "landing"
    yield from sorted(root.glob(f"*/*/dt=*/*/{MANIFEST}"))


def read_manifests(root: Path | None = None) -> Iterator[dict]:
    """All manifests' contents."""
    for path in manifest_paths(root):
        yield json.loads(path.read_bytes())


def write_manifest(path: Path, document: dict) -> None:
    """A manifest: a line for each of its parts, in the order given."""
    parts = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in document.items())
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
