"""One batch of shipments of one table, from bytes to dumps that appeared: read, type, pseudonymise, write, rename.

Many small dumps share the reading and typing (a first load has thousands); a large one is a batch of its own. What is
wrong with one dump refuses that dump, not the batch.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

import duckdb
import pyarrow as pa

from scripts.backends import Backend, Column, Table
from scripts.faults import fault_point
from scripts.home import folder
from scripts.landing import contract, people, records
from scripts.landing.contract import literal, quoted
from scripts.landing.inbox import Shipment
from scripts.landing.records import Bad, Input, Reading
from scripts.landing.store import FORMAT, MANIFEST, OutOfOrder, Store, content_id, write_manifest
from scripts.landing.streams import ByteStream, Damaged, sha256
from scripts.landing.vault import Vault

RAW_KEPT = 1 << 20
LARGE = 4 << 20


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

        What is large is given all threads of DuckDB. Of what is small the overhead of a statement is the most, so
        each statement gets one thread and several tables go at a time.
        """
        by_table: dict[str, list[Sequence[Shipment]]] = {}
        for batch in batches:
            by_table.setdefault(batch[0].table.label, []).append(batch)
        size = {label: max(sum(s.size for s in batch) for batch in of) for label, of in by_table.items()}
        large = [label for label in by_table if size[label] > LARGE or self.threads == 1 or len(by_table) == 1]
        small = sorted(set(by_table) - set(large), key=lambda label: -sum(s.size for b in by_table[label] for s in b))
        for label in large:
            for batch in by_table[label]:
                yield self.land_batch(batch, hashes)
        self.duckdb.execute("set threads = 1")
        stopped = threading.Event()
        with ThreadPoolExecutor(self.threads) as pool:
            running = [pool.submit(self._land_table, by_table[label], hashes, stopped) for label in small]
            try:
                for done in as_completed(running):
                    yield from done.result()
            finally:
                stopped.set()
        self.duckdb.execute(f"set threads = {self.threads}")

    def _land_table(
        self, batches: Sequence[Sequence[Shipment]], hashes: dict[Path, str], stopped: threading.Event
    ) -> list[Outcome]:
        return [self.land_batch(batch, hashes) for batch in batches if not stopped.is_set()]

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
        self.outcome = Outcome()
        self.days = [(s.arrived_on, s.covers_on) for s in shipments]

    def run(self) -> Outcome:
        """All steps. Keys of people are stored before the first dump appears."""
        for number, shipment in enumerate(self.shipments):
            if shipment.wrong_totals:
                self.reading.refuse(number, shipment.wrong_totals)
        self._type()
        fault_point("land:typed")
        self.mapped = people.map_people(self.duckdb, self.table, self.intake.open_vault, list(self.reading.refused))
        fault_point("land:after-vault")
        self._measure()
        self.relation = self._map()
        staged = []
        for number, shipment in enumerate(self.shipments):
            if number not in self.reading.refused and (dump := self._stage(number, shipment)):
                staged.append(dump)
                self.store.expect(dump[1])
        for number, why in sorted(self.reading.refused.items()):
            self.outcome.refused.append((self.shipments[number], why))
        fault_point("land:staged")
        self.store.publish(staged)
        self.outcome.landed = [manifest for _, manifest in staged]
        return self.outcome

    # Reading and typing

    def _type(self) -> None:
        """The batch's rows, typed, in table ``typed``; with the code of what is wrong, if anything."""
        formats = {f.format or self.table.format for s in self.shipments for f in s.files}
        if formats == {"parquet"}:
            return self._type_parquet()
        if formats == {"jsonl"}:
            schema, batches = records.JSON_SCHEMA, records.json_batches
            fields, texts = contract.json_texts(self.table)
        else:
            schema, batches = records.text_schema(self.table), records.csv_batches
            fields, texts = "null", {c.name: f"c{i}" for i, c in enumerate(self.table.shipped)}
        inputs = list(self._inputs())
        query = contract.typing_query(self.table, "batches", texts, self.days, fields)
        self.refusals = query.refusals
        problem: list[BaseException] = []
        reader = pa.RecordBatchReader.from_batches(schema, _guarded(batches(self.table, inputs, self.reading), problem))
        self.duckdb.register("batches", reader)
        try:
            self.duckdb.execute(f"create or replace temp table typed as {query.sql}")
        finally:
            self.duckdb.unregister("batches")
        if problem:
            raise problem[0]

    def _inputs(self) -> Iterator[Input]:
        for number, shipment in enumerate(self.shipments):
            for position, file in enumerate(shipment.files):
                yield Input(number, position, file.name, ByteStream(file.path, file.content), shipment.covers_on)

    def _type_parquet(self) -> None:
        """Parquet has types already; values of another type than the contract's go through their text."""
        self._create_empty()
        for each in self._inputs():
            if each.dump in self.reading.refused:
                continue
            source = f"read_parquet({literal(each.stream.path)}, file_row_number = true)"
            try:
                described = self.duckdb.execute(f"describe select * from {source}").fetchall()
                types = {row[0]: row[1] for row in described}
                names = [n for n in types if n != "file_row_number"]
                header = records.Header.match(self.table, each.covers_on, names)
                self.reading.extra.setdefault(each.dump, set()).update(header.extra)
                texts, native = {}, {}
                for column, position in zip(self.table.shipped, header.positions, strict=True):
                    name = None if position is None else names[position]
                    fitting = name and contract.native_value(column, types[name])
                    if fitting:
                        native[column.name] = fitting
                    text = "cast(null as varchar)" if name is None else quoted(name)
                    texts[column.name] = text if fitting else f"cast({text} as varchar)"
                relation = f"""(
                    select cast({each.dump} as integer) as _dump, cast({each.file} as integer) as _file,
                        file_row_number + 1 as _line, cast(null as varchar) as _raw, *
                    from {source}
                )"""
                query = contract.typing_query(self.table, relation, texts, self.days, native=native)
                self.duckdb.execute(f"insert into typed {query.sql}")
            except Damaged as error:
                self.reading.refuse(each.dump, f"{each.name}: {str(error).removeprefix('line 1: ')}")
            except (duckdb.IOException, duckdb.InvalidInputException) as error:
                self.reading.refuse(each.dump, f"{each.name}: not readable as Parquet ({str(error).splitlines()[0]})")

    def _create_empty(self) -> None:
        """Table ``typed`` without rows, and the meaning of refusal codes (the same for every file of the table)."""
        texts = {c.name: "null::varchar" for c in self.table.shipped}
        nothing = "(select 0 as _dump, 0 as _file, 0::bigint as _line, null::varchar as _raw where false)"
        query = contract.typing_query(self.table, nothing, texts, self.days)
        self.refusals = query.refusals
        self.duckdb.execute(f"create or replace temp table typed as {query.sql}")

    def _parquet_row(self, dump: int, file: int, line: int) -> str:
        """A refused row of a Parquet file, as JSON."""
        path = self.shipments[dump].files[file].path
        row = f"select * from read_parquet({literal(path)}, file_row_number = true) where file_row_number = {line - 1}"
        found = self.duckdb.execute(
            f"select to_json(row) from (select * exclude (file_row_number) from ({row})) as row"
        )
        return found.fetchone()[0]

    # What came out

    def _measure(self) -> None:
        """Count rows, days and sums of every dump, and collect the rows that were refused."""
        where = "where _refusal is null"
        sums = "".join(f", sum({quoted(c)}), sum({quoted(c)}) filter ({where})" for c in self.table.control_totals)
        erased = "count(*) filter (where _refusal = -1)"
        totals = f"select _dump, count(*), count(*) filter ({where}), {erased}{sums} from typed group by _dump"
        self.totals = {row[0]: row[1:] for row in self.duckdb.execute(totals).fetchall()}
        self.event_days: dict[int, list[dict]] = {}
        if self.table.kind != "snapshot":
            days = f"select _dump, _event_on, count(*) from typed {where} group by _dump, _event_on order by all"
            for dump, day, rows in self.duckdb.execute(days).fetchall():
                self.event_days.setdefault(dump, []).append({"day": str(day), "rows": rows})
        files = "select _dump, _file, count(*) from typed group by _dump, _file"
        self.file_rows = {(dump, file): rows for dump, file, rows in self.duckdb.execute(files).fetchall()}
        self.unread = Counter((bad.dump, bad.file) for bad in self.reading.bad)
        refused = "select _dump, _file, _line, _refusal, _raw from typed where _refusal >= 0"
        for dump, file, line, code, raw in self.duckdb.execute(refused).fetchall():
            why = self.refusals[code]
            if raw is None:
                raw = self._parquet_row(dump, file, line)
            self.reading.bad.append(Bad(dump, file, line, why.column, why.reason, raw.encode()))
        self.bad: dict[int, list[Bad]] = {}
        for bad in sorted(self.reading.bad, key=lambda b: b[:3]):
            self.bad.setdefault(bad.dump, []).append(bad)

    def _stage(self, number: int, shipment: Shipment) -> tuple[Path, dict] | None:
        """Write one dump beside the landing; None if it turns out to have landed already or must be refused."""
        try:
            base_id = content_id(shipment, self.hashes)
            placed = self.store.place(shipment, base_id)
        except OutOfOrder as error:
            self.reading.refuse(number, str(error))
            return None
        if placed is None:
            return None
        bad = self.bad.get(number, [])
        nothing = (0, 0, 0, *[None] * 2 * len(self.table.control_totals))
        read, landed, erased, *sums = self.totals.get(number, nothing)
        truncated = sorted(self.reading.truncated.get(number, []))
        controls = self._controls(number, shipment, read, sums)
        if problem := self._wrong(shipment, landed, controls, bool(truncated), bad):
            self.reading.refuse(number, problem)
            return None
        path = self.store.staging / f"{next(self.intake.serial):06d}"
        path.mkdir()
        files = [self._write(number, shipment, placed.dump_id, path, landed)]
        fault_point("land:before-manifest")
        quarantined = Counter(b.reason if b.column is None else f"{b.column}: {b.reason}" for b in bad)
        backend = self.intake.backends.get(self.table.backend)
        manifest = {
            "format": FORMAT,
            "backend": self.table.backend,
            "table": self.table.name,
            "kind": self.table.kind,
            "dump_id": placed.dump_id,
            **({"content_id": base_id} if base_id != placed.dump_id else {}),
            "arrived_on": str(shipment.arrived_on),
            "covers_on": str(shipment.covers_on),
            "slot": placed.dump_id if self.table.kind == "commitment" else shipment.slot,
            "supersedes": list(placed.supersedes),
            "rows": landed,
            "bytes": sum(f["bytes"] for f in files),
            "files": files,
            "columns": [{"name": c.name, "type": c.landed_type} for c in self.table.landed],
            "event_days": self._event_days(number, shipment, landed),
            "source": self._sources(number, shipment),
            "quarantined": dict(sorted(quarantined.items())),
            **({"erased": erased} if erased else {}),
            **({"truncated": truncated} if truncated else {}),
            **({"unknown_columns": sorted(self.reading.extra[number])} if self.reading.extra.get(number) else {}),
            "control_totals": controls,
            "landed_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "backend_yaml_sha256": backend.sha256 if backend else "",
        }
        self._quarantine(shipment, placed.dump_id, bad)
        write_manifest(path / MANIFEST, manifest)
        return path, manifest

    def _event_days(self, number: int, shipment: Shipment, landed: int) -> list[dict]:
        """Rows by the day they are about; all rows of a snapshot are about the day it covers."""
        if self.table.kind == "snapshot":
            return [{"day": str(shipment.covers_on), "rows": landed}] if landed else []
        return self.event_days.get(number, [])

    def _sources(self, number: int, shipment: Shipment) -> list[dict]:
        return [
            {
                "file": file.name,
                "bytes": file.size if file.content is None else len(file.content),
                "sha256": self.hashes[file.path],
                "rows": self.file_rows.get((number, position), 0) + self.unread[number, position],
            }
            for position, file in enumerate(shipment.files)
        ]

    def _controls(self, number: int, shipment: Shipment, read: int, sums: list) -> dict[str, dict]:
        """Declared and counted totals. Counted is all that was shipped: what landed and what is in quarantine."""
        declared = shipment.declared
        unread = sum(self.unread[number, position] for position in range(len(shipment.files)))
        rows = {"declared": declared.rows if declared else None, "counted": read + unread}
        controls: dict[str, dict] = {"rows": rows}
        for position, column in enumerate(self.table.control_totals):
            all_rows, good_rows = sums[2 * position] or 0, sums[2 * position + 1] or 0
            stated = declared.sums.get(column) if declared else None
            entry = {"declared": None if stated is None else _text(stated), "counted": _text(all_rows)}
            if all_rows != good_rows:
                entry["quarantined"] = _text(all_rows - good_rows)
            controls[column] = entry
        return controls

    def _wrong(
        self, shipment: Shipment, landed: int, controls: dict, truncated: bool, bad: Sequence[Bad]
    ) -> str | None:
        """Why a dump as a whole cannot be taken."""
        if self.strict and bad:
            return f"row {bad[0].line}: {bad[0].column or ''}: {bad[0].reason}"
        rows = controls["rows"]
        if not truncated and rows["declared"] is not None and rows["declared"] != rows["counted"]:
            return f"declares {rows['declared']:,} rows, has {rows['counted']:,}"
        for column, entry in controls.items():
            stated = entry["declared"]
            if column == "rows" or stated is None or truncated or any(b.column in (None, column) for b in bad):
                continue
            if Decimal(stated) != Decimal(entry["counted"]):
                return f"declares a sum of {column} of {stated}, has {entry['counted']}"
        if self.table.kind == "snapshot" and not landed and rows["declared"] != 0:
            before = self.store.newest(shipment)
            if bad:
                return f"no row of it can be read; the first: line {bad[0].line}: {bad[0].reason}"
            if before and before.rows:
                return (
                    f"empty, but the dump before it ({before.arrived_on}) has {before.rows:,} rows; "
                    'declare {"rows": 0} in _totals.json if that is true'
                )
        return None

    # Writing

    def _map(self) -> str:
        """The relation with rows as they will land; several dumps share the work of mapping people."""
        columns = ", ".join(f"{self._landed(c)} as {quoted(c.name)}" for c in self.table.columns if c.landed)
        rows = f"""
            select {columns}, typed._event_at, typed._event_on, _dump, _file, _line from typed {self.mapped.joins}
            where _refusal is null
        """
        if len(self.shipments) == 1:
            return f"({rows})"
        self.duckdb.execute(f"create or replace temp table mapped as {rows} order by _dump, _file, _line")
        return "mapped"

    def _write(self, number: int, shipment: Shipment, dump_id: str, path: Path, rows: int) -> dict:
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
        written = self.duckdb.execute(f"""
            copy (
                select {columns} from {self.relation} as landing where _dump = {number}
                order by landing._event_on, _file, _line
            ) to {literal(target)} (format parquet, compression zstd, field_ids {{{ids}}})
        """).fetchone()
        if written != (rows,):
            raise RuntimeError(f"{shipment.label}: {rows} rows read, {written} written")
        return {"name": target.name, "bytes": target.stat().st_size, "sha256": sha256(target), "rows": rows}

    def _landed(self, column: Column) -> str:
        return self.mapped.columns.get(column.name) or f"typed.{quoted(column.name)}"

    def _quarantine(self, shipment: Shipment, dump_id: str, bad: Sequence[Bad]) -> None:
        """The lines that could not be landed; only their owner may read them, for they may name people."""
        if not bad:
            return
        target = folder("quarantine") / self.table.backend / self.table.name / f"dt={shipment.arrived_on}"
        target.mkdir(parents=True, exist_ok=True)
        path = target / f"{dump_id}.jsonl"
        temporary = path.with_suffix(".tmp")
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
        temporary.rename(path)


def _guarded(batches: Iterator[pa.RecordBatch], problem: list[BaseException]) -> Iterator[pa.RecordBatch]:
    """Batches for DuckDB; an error ends them and is kept, because DuckDB would wrap it beyond recognition."""
    try:
        yield from batches
    except BaseException as error:
        problem.append(error)


def _text(value: object) -> str:
    """A number as text, exact."""
    return format(value, "f") if isinstance(value, Decimal) else str(value)
