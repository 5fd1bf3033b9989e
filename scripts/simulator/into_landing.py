"""Straight into the landing, as ``land`` would have left it: for benchmarks of what comes after.

Ids of people and what would be hashed stay as they are (nobody lives here), the vault's columns are left out, nothing
goes wrong on the way. Everything else is as the landing's contract says: types, event days, field ids, manifest.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scripts.backends import Backend, Table, load_all

from .settings import EPOCH, Settings

ARROW = {
    "varchar": pa.string(), "boolean": pa.bool_(), "integer": pa.int32(), "bigint": pa.int64(), "double": pa.float64(),
    "date": pa.date32(), "timestamp": pa.timestamp("us"),
}  # fmt: skip


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type of a contract's type."""
    if name.startswith("decimal"):
        precision, scale = name[8:-1].split(",")
        return pa.decimal128(int(precision), int(scale))
    return ARROW[name]


@dataclass
class LandingWriter:
    """Writes dumps into a landing."""

    root: Path
    settings: Settings

    def __post_init__(self) -> None:
        self.backends: dict[str, Backend] = load_all()

    def write(self, contract: Table, day: int, parts: Iterable[tuple[str, pa.Table]], hour: int | None = None) -> int:
        """One dump of a table that arrives on a day and is about it; returns its rows. There already: nothing to do."""
        on = self.settings.date(day)
        slot = str(on) + ("" if hour is None else f"T{hour:02d}")
        identity = json.dumps([contract.backend, contract.name, slot, repr(self.settings)])
        dump_id = hashlib.sha256(identity.encode()).hexdigest()[:16]
        final = self.root / contract.backend / contract.name / f"dt={on}" / dump_id
        if final.exists():
            return 0
        partial = self.root / ".simulated" / f"{contract.backend}.{contract.name}.{dump_id}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        files, days, totals = [], {}, dict.fromkeys(contract.control_totals, 0)
        for number, (source, table) in enumerate(parts):
            landed = self._landed(contract, table, on, dump_id, source)
            data = _parquet(landed)
            name = f"part-{number}.parquet"
            (partial / name).write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            files.append({"name": name, "bytes": len(data), "sha256": digest, "rows": landed.num_rows})
            for each, rows in _counts(landed["_event_on"]).items():
                days[each] = days.get(each, 0) + rows
            for column in totals:
                totals[column] += pc.sum(landed[column]).as_py() or 0
        rows = sum(f["rows"] for f in files)
        counted = {name: {"declared": None, "counted": str(total)} for name, total in totals.items()}
        manifest = {
            "format": 1, "backend": contract.backend, "table": contract.name, "kind": contract.kind, "dump_id": dump_id,
            "arrived_on": str(on), "covers_on": str(on), "slot": slot, "supersedes": [], "rows": rows,
            "bytes": sum(f["bytes"] for f in files), "files": files,
            "columns": [{"name": c.name, "type": c.landed_type} for c in contract.landed],
            "event_days": [{"day": d, "rows": n} for d, n in sorted(days.items())],
            "source": [], "quarantined": {},
            "control_totals": {"rows": {"declared": None, "counted": rows}} | counted,
            "landed_at": f"{on}T00:00:00+00:00",
            "backend_yaml_sha256": self.backends[contract.backend].sha256,
        }  # fmt: skip
        (partial / "_manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
        final.parent.mkdir(parents=True, exist_ok=True)
        partial.rename(final)
        return rows

    def finish(self) -> None:
        """Forget the landing's index: ``land`` makes it again from the manifests."""
        shutil.rmtree(self.root / ".simulated", ignore_errors=True)
        for path in self.root.glob(".index.sqlite*"):
            path.unlink()

    def _landed(self, contract: Table, table: pa.Table, on: date, dump_id: str, source: str) -> pa.Table:
        """The contract's columns in its order, then the landing's own, sorted by event day."""
        rows = table.num_rows
        event_at = _event_at(contract, table)
        covers = pa.array(np.full(rows, (on - EPOCH).days, dtype=np.int32)).cast(pa.date32())
        event_on = event_at.cast(pa.date32()) if event_at is not None else covers
        own = {
            "_event_at": pa.nulls(rows, pa.timestamp("us")) if event_at is None else event_at,
            "_event_on": event_on, "_covers_on": covers, "_arrived_on": covers,
            "_dump_id": _constant(dump_id, rows), "_source_file": _constant(source, rows),
            "_source_line": pa.array(np.arange(1, rows + 1, dtype=np.int64)),
        }  # fmt: skip
        columns, fields = [], []
        for column in contract.landed:
            values = own.get(column.name)
            if values is None and (column.of or column.name) in table.column_names:
                values = table[column.of or column.name]
            kind = arrow_type(column.landed_type)
            values = pa.nulls(rows, kind) if values is None else values
            if not pa.types.is_dictionary(values.type) and values.type != kind:
                values = values.cast(kind)
            columns.append(values)
            fields.append(pa.field(column.name, values.type, metadata={"PARQUET:field_id": str(column.field_id)}))
        whole = pa.table(columns, schema=pa.schema(fields))
        order = event_on.cast(pa.int32()).to_numpy(zero_copy_only=False)
        if (order[1:] < order[:-1]).any():
            whole = whole.take(pa.array(np.argsort(order, kind="stable")))
        return whole


def _event_at(contract: Table, table: pa.Table) -> pa.Array | None:
    """Event time, corrected for the device's clock where the contract has one."""
    if contract.kind == "snapshot" or contract.event_at is None:
        return None
    at = table[contract.event_at].combine_chunks().cast(pa.timestamp("us"))
    if contract.clock is None:
        return at
    whole = [table[name].combine_chunks().cast(pa.timestamp("us")).cast(pa.int64()).to_numpy() for name in
             (contract.event_at, contract.clock.received_at, contract.clock.sent_at)]  # fmt: skip
    return pa.array(whole[0] + whole[1] - whole[2]).cast(pa.timestamp("us"))


def _constant(text: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), pa.array([text]))


def _counts(days: pa.ChunkedArray) -> dict[str, int]:
    found, rows = np.unique(days.cast(pa.int32()).to_numpy(), return_counts=True)
    return {str(np.datetime64(int(d), "D")): int(n) for d, n in zip(found, rows, strict=True)}


def _parquet(table: pa.Table) -> bytes:
    """Dictionaries for what repeats, plain for what does not, no Arrow schema that would say 'dictionary'."""
    out = io.BytesIO()
    repeated = [f.name for f in table.schema if pa.types.is_dictionary(f.type)]
    few = ["_event_on", "_covers_on", "_arrived_on"]
    pq.write_table(
        table, out, compression="zstd", compression_level=1, use_dictionary=repeated + few, store_schema=False
    )
    return out.getvalue()
