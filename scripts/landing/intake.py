"""One batch of shipments of one table, from bytes to dumps that appeared: read, type, pseudonymise, write, rename.

Many small dumps share the reading and typing (a first load has thousands); a large one is a batch of its own. What is
wrong with one dump refuses that dump, not the batch.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from queue import SimpleQueue

import duckdb

from scripts.backends import Backend, Column, Table
from scripts.faults import fault_point
from scripts.home import folder
from scripts.landing import manifest as manifests
from scripts.landing import people
from scripts.landing.contract import literal, quoted
from scripts.landing.inbox import Shipment
from scripts.landing.reading import Measures, Reader, unreadable_parquet
from scripts.landing.records import Bad, Reading
from scripts.landing.store import MANIFEST, OutOfOrder, Store, content_id, write_manifest
from scripts.landing.streams import sha256
from scripts.landing.vault import Vault

RAW_KEPT = 1 << 20
LARGE = 4 << 20
# Errors of DuckDB that no file of a backend can be blamed for.
OURS = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.OutOfMemoryException)
# Days are found by name and statistics, never by a value, so filters on values would only cost time. A column with more
# values than the limit is written plainly at once; gathering a dictionary of ids first took a third of the writing.
WRITTEN = "format parquet, compression zstd, compression_level 1, write_bloom_filter false, dictionary_size_limit 1000"


@dataclass
class Outcome:
    """What became of shipments."""

    landed: list[dict] = field(default_factory=list)
    refused: list[tuple[Shipment, str]] = field(default_factory=list)


class Intake:
    """Lands batches, several tables at a time; one DuckDB and one vault for all of them."""

    def __init__(self, store: Store, open_vault: Callable[[], Vault], backends: dict[str, Backend]) -> None:
        self.store, self.open_vault, self.backends = store, open_vault, backends
        self.threads = int(os.environ.get("NIGHTSHIFT_THREADS") or os.cpu_count() or 1)
        self.serial = count()
        self.held: list[tuple[Path, dict]] | None = None
        self.duckdb = duckdb.connect(
            config={
                "threads": self.threads,
                "memory_limit": os.environ.get("NIGHTSHIFT_MEMORY", "4GB"),
                "temp_directory": str(store.staging / "spill"),
            }
        )
        self.duckdb.execute("set global TimeZone = 'UTC'; set preserve_insertion_order = true")

    def __enter__(self) -> Intake:
        return self

    def __exit__(self, *error: object) -> None:
        self.duckdb.close()

    def land(self, batches: Sequence[Sequence[Shipment]], hashes: dict[Path, str]) -> Iterator[Outcome]:
        """Land batches of shipments; those of one table one after the other, in order of arrival.

        Two tables or more go at a time, as many as there are threads. What is large is given all threads of DuckDB,
        too: its reading takes them, its dumps, written one by one, do not. Of what is small the overhead of a statement
        is the most, so each statement gets one.
        """
        by_table: dict[str, list[Sequence[Shipment]]] = {}
        for batch in batches:
            by_table.setdefault(batch[0].table.label, []).append(batch)
        total = {label: sum(s.size for batch in of for s in batch) for label, of in by_table.items()}
        large = {label for label, of in by_table.items() if any(sum(s.size for s in batch) > LARGE for batch in of)}
        for labels, threads in ((large, self.threads), (by_table.keys() - large, 1)):
            self.duckdb.execute(f"set threads = {threads}")
            largest_first = sorted(labels, key=lambda label: (-total[label], label))
            yield from self._land_tables([by_table[label] for label in largest_first], hashes)
        self.duckdb.execute(f"set threads = {self.threads}")

    def _land_tables(
        self, tables: Sequence[Sequence[Sequence[Shipment]]], hashes: dict[Path, str]
    ) -> Iterator[Outcome]:
        stopped = threading.Event()
        outcomes: SimpleQueue[Outcome | None] = SimpleQueue()

        def land_table(batches: Sequence[Sequence[Shipment]]) -> None:
            try:
                for batch in batches:
                    if not stopped.is_set():
                        outcomes.put(self.land_batch(batch, hashes))
            except BaseException:
                stopped.set()
                raise
            finally:
                outcomes.put(None)

        with ThreadPoolExecutor(self.threads) as pool:
            running = [pool.submit(land_table, batches) for batches in tables]
            try:
                for _ in running:
                    yield from iter(outcomes.get, None)
            finally:
                stopped.set()
        for task in running:
            task.result()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Within this block dumps are written but appear only at its end, one right after the other."""
        self.held = []
        yield
        self.store.publish(self.held)
        self.held = None

    def land_batch(self, shipments: Sequence[Shipment], hashes: dict[Path, str], strict: bool = False) -> Outcome:
        """Land one batch. ``strict``: a bad row refuses its dump."""
        with closing(self.duckdb.cursor()) as connection:
            return _Batch(self, connection, list(shipments), hashes, strict).run()


class _Batch:
    """The state of one batch."""

    def __init__(
        self,
        intake: Intake,
        connection: duckdb.DuckDBPyConnection,
        shipments: list[Shipment],
        hashes: dict[Path, str],
        strict: bool,
    ) -> None:
        self.intake, self.duckdb, self.shipments = intake, connection, shipments
        self.hashes, self.strict, self.store = hashes, strict, intake.store
        self.table: Table = shipments[0].table
        self.reading = Reading()
        self.reader = Reader(connection, shipments, self.reading)

    def run(self) -> Outcome:
        """All steps. Keys of people are stored before the first dump appears."""
        for number, shipment in enumerate(self.shipments):
            if shipment.wrong_totals:
                self.reading.refuse(number, shipment.wrong_totals)
        try:
            staged = self._staged()
        except duckdb.Error as error:
            if self.table.format != "parquet" or isinstance(error, OURS) or "No space left" in str(error):
                raise
            # The file's footer was good (it could be described), its pages are not. Parquet comes one dump a batch.
            self.reading.refuse(0, unreadable_parquet(error))
            staged = []
        fault_point("land:staged")
        if self.intake.held is None:
            self.store.publish(staged)
        else:
            self.intake.held += staged
        refused = [(self.shipments[number], why) for number, why in sorted(self.reading.refused.items())]
        return Outcome([manifest for _, manifest in staged], refused)

    def _staged(self) -> list[tuple[Path, dict]]:
        """Every dump that can be taken, written beside the landing."""
        self.reader.read()
        fault_point("land:typed")
        self.mapped = people.map_people(self.duckdb, self.table, self.intake.open_vault, list(self.reading.refused))
        fault_point("land:after-vault")
        measures = self.reader.measure()
        self.relation = self._map()
        staged = []
        for number, shipment in enumerate(self.shipments):
            if number not in self.reading.refused and (dump := self._stage(number, shipment, measures[number])):
                staged.append(dump)
                self.store.expect(dump[1])
        return staged

    def _stage(self, number: int, shipment: Shipment, measures: Measures) -> tuple[Path, dict] | None:
        """Write one dump; None if it turns out to have landed already or must be refused."""
        base_id = content_id(shipment, self.hashes)
        truncated = sorted(self.reading.truncated.get(number, []))
        try:
            placed = self.store.place(shipment, base_id)
        except OutOfOrder as error:
            self.reading.refuse(number, str(error))
            return None
        if placed is None:
            return None
        problem = manifests.broken_promise(shipment, measures, bool(truncated), self.store.newest(shipment))
        if self.strict and measures.bad:
            problem = f"row {measures.bad[0].line}: {manifests.reason(measures.bad[0])}"
        if problem:
            self.reading.refuse(number, problem)
            return None
        path = self.store.staging / f"{next(self.intake.serial):06d}"
        path.mkdir()
        file = self._write(number, shipment, placed.dump_id, path)
        if file["rows"] != measures.rows and measures.is_assumed:
            shutil.rmtree(path)
            return self._stage(number, shipment, self.reader.count()[number])
        if file["rows"] != measures.rows:
            raise RuntimeError(f"{shipment.label}: {measures.rows} rows read, {file['rows']} written")
        found = {
            "files": [file],
            "hashes": self.hashes,
            "truncated": truncated,
            "extra": sorted(self.reading.extra.get(number, ())),
        }
        fault_point("land:before-manifest")
        backend = self.intake.backends.get(self.table.backend)
        manifest = manifests.manifest(shipment, placed, base_id, measures, backend, found)
        _quarantine(shipment, placed.dump_id, measures.bad)
        write_manifest(path / MANIFEST, manifest)
        return path, manifest

    def _map(self) -> str:
        """The relation with rows as they will land; several dumps share the work of mapping people."""
        if not self.mapped.joins:
            return "typed"
        columns = ", ".join(f"{self._landed(c)} as {quoted(c.name)}" for c in self.table.columns if c.landed)
        rows = f"""
            select {columns}, typed._event_at, typed._event_on, _dump, _file, _line, _refusal
            from typed {self.mapped.joins} where _refusal is null
        """
        if len(self.shipments) == 1:
            return f"({rows})"
        self.duckdb.execute(f"create or replace temp table mapped as {rows}")
        return "mapped"

    def _landed(self, column: Column) -> str:
        return self.mapped.columns.get(column.name) or f"typed.{quoted(column.name)}"

    def _write(self, number: int, shipment: Shipment, dump_id: str, path: Path) -> dict:
        """The dump's Parquet file."""
        target = path / "part-0.parquet"
        names = "[" + ", ".join(literal(f.name) for f in shipment.files) + "]"
        own = {
            "_covers_on": f"date {literal(shipment.covers_on)}",
            "_arrived_on": f"date {literal(shipment.arrived_on)}",
            "_dump_id": literal(dump_id),
            "_source_file": f"{names}[_file + 1]",
            "_source_line": "_line",
        }
        columns = ", ".join(f"{own.get(c.name) or quoted(c.name)} as {quoted(c.name)}" for c in self.table.landed)
        ids = ", ".join(f"{quoted(c.name)}: {c.field_id}" for c in self.table.landed)
        # A snapshot's rows are in order as they were read: DuckDB keeps the order of what it reads and inserts.
        is_ordered = self.relation == "typed" and self.table.kind == "snapshot"
        order = "" if is_ordered else "order by landing._event_on, _file, _line"
        (rows,) = self.duckdb.execute(f"""
            copy (
                select {columns} from {self.relation} as landing where _dump = {number} and _refusal is null
                {order}
            ) to {literal(target)} ({WRITTEN}, field_ids {{{ids}}})
        """).fetchone()
        return {"name": target.name, "bytes": target.stat().st_size, "sha256": sha256(target), "rows": rows}


def _quarantine(shipment: Shipment, dump_id: str, bad: Sequence[Bad]) -> None:
    """Write down the lines that could not be landed; only their owner may read them, for they may name people."""
    if not bad:
        return
    table = shipment.table
    target = folder("quarantine") / table.backend / table.name / f"dt={shipment.arrived_on}"
    target.mkdir(parents=True, exist_ok=True)
    temporary = target / f".{dump_id}.writing"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        for each in bad:
            entry = {
                "file": shipment.files[each.file].name,
                "line": each.line,
                "column": each.column,
                "reason": each.reason,
                "raw_base64": base64.b64encode(each.raw[:RAW_KEPT]).decode(),
            }
            if len(each.raw) > RAW_KEPT:
                entry["raw_bytes"] = len(each.raw)
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    temporary.rename(target / f"{dump_id}.jsonl")
