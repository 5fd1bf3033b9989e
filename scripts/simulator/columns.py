"""Rows as arrays of numbers, and from there to Arrow columns: money, times, days."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa

NEVER = np.iinfo(np.int64).max


class Rows:
    """Arrays collected piece by piece under their names, put together at the end."""

    def __init__(self) -> None:
        self._parts: dict[str, list[np.ndarray]] = defaultdict(list)

    def add(self, rows: int, **columns: np.ndarray | int) -> None:
        """Some rows; a single number stands for all of them."""
        for name, values in columns.items():
            self._parts[name].append(np.broadcast_to(np.asarray(values, dtype=np.int64), (rows,)))

    def done(self, *order: str) -> dict[str, np.ndarray]:
        """All of them, sorted by the columns named."""
        whole = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        if order:
            index = np.lexsort([whole[name] for name in reversed(order)])
            whole = {name: values[index] for name, values in whole.items()}
        return whole


def money(cents: np.ndarray, scale: int = 2, nulls: np.ndarray | None = None) -> pa.Array:
    """Exact decimals from integers of the last digit."""
    return decimals(cents, pa.decimal128(18, scale), nulls)


def decimals(units: np.ndarray, kind: pa.DataType, nulls: np.ndarray | None = None) -> pa.Array:
    """Decimals of any scale from integers: 64 bits widened to 128 with their sign."""
    units = np.ascontiguousarray(units, dtype=np.int64)
    wide = np.empty((len(units), 2), dtype=np.int64)
    wide[:, 0] = units
    wide[:, 1] = units >> 63
    column = pa.Array.from_buffers(kind, len(units), [None, pa.py_buffer(wide)])
    if nulls is None:
        return column
    keep = np.flatnonzero(~nulls)
    index = np.where(nulls, 0, np.cumsum(~nulls) - 1)
    return column.take(pa.array(keep)).take(pa.array(index, mask=nulls)) if len(keep) else pa.nulls(len(units), kind)


def seconds(values: np.ndarray) -> pa.Array:
    """Timestamps from seconds since 1970; NEVER is no value."""
    return _masked(values, pa.timestamp("s"), NEVER)


def millis(values: np.ndarray) -> pa.Array:
    """Timestamps from milliseconds since 1970; NEVER is no value."""
    return _masked(values, pa.timestamp("ms"), NEVER)


def days(values: np.ndarray) -> pa.Array:
    """Dates from seconds since 1970; NEVER is no value."""
    values = np.asarray(values, dtype=np.int64)
    missing = values == NEVER
    return pa.array((np.where(missing, 0, values) // 86_400).astype(np.int32), pa.int32(), mask=missing).cast(
        pa.date32()
    )


def _masked(values: np.ndarray, kind: pa.DataType, missing: int) -> pa.Array:
    values = np.asarray(values, dtype=np.int64)
    gone = values == missing
    return pa.array(np.where(gone, 0, values), pa.int64(), mask=gone if gone.any() else None).cast(kind)
