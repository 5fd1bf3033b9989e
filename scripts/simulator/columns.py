"""From numpy arrays to Arrow columns: money, times, days."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

NEVER = np.iinfo(np.int64).max


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
