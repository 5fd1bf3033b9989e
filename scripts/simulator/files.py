"""Files as backends ship them: CSV, JSON lines and Parquet, compressed so that the same rows give the same bytes."""

from __future__ import annotations

import io
import json
import zlib
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

SECOND_OF_DAY = pa.array([f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)])
MILLISECOND = pa.array([f'.{ms:03d}Z"' for ms in range(1000)])
GZIP = 31


def gz(data: bytes | pa.Buffer, level: int = 1) -> bytes:
    """Gzip without a name or a time in its header."""
    packer = zlib.compressobj(level, zlib.DEFLATED, GZIP)
    return packer.compress(data) + packer.flush()


def csv_bytes(table: pa.Table) -> bytes:
    """CSV with a header; quotes where they are needed."""
    out = io.BytesIO()
    pa_csv.write_csv(table, out, pa_csv.WriteOptions(quoting_style="needed", quoting_header="none"))
    return out.getvalue()


def parquet_bytes(table: pa.Table) -> bytes:
    """Parquet, zstd; dictionaries for what repeats, none looked for where nothing does."""
    out = io.BytesIO()
    repeated = [f.name for f in table.schema if pa.types.is_dictionary(f.type)]
    pq.write_table(table, out, compression="zstd", compression_level=1, use_dictionary=repeated or True)
    return out.getvalue()


def json_lines(table: pa.Table) -> pa.Buffer:
    """JSON lines: one Arrow expression joins the columns' texts, a missing value is left out."""
    if not table.num_rows:
        return pa.py_buffer(b"")
    parts: list[pa.Array | str] = []
    for index, (name, column) in enumerate(zip(table.column_names, table.itercolumns(), strict=True)):
        key = ("{" if index == 0 else ",") + json.dumps(name) + ":"
        parts += _texts(key, column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)
    lines = pc.binary_join_element_wise(*parts, "}\n", "")
    offsets = np.frombuffer(lines.buffers()[1], dtype=np.int32)
    return lines.buffers()[2].slice(
        int(offsets[lines.offset]), int(offsets[lines.offset + len(lines)] - offsets[lines.offset])
    )


def _texts(key: str, column: pa.Array) -> list[pa.Array | str]:
    """The pieces of a column: its key and value, or nothing where there is no value."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        quoted = pc.binary_join_element_wise(key + '"', _escaped(column.dictionary), '"', "")
        return [_or_nothing(quoted.take(column.indices))]
    if pa.types.is_timestamp(kind):
        return [_or_nothing(piece) for piece in _moment(key, column)]
    if pa.types.is_string(kind):
        if column.null_count:
            return [_or_nothing(pc.binary_join_element_wise(key + '"', _escaped(column), '"', ""))]
        return [key + '"', _escaped(column), '"']
    if pa.types.is_boolean(kind):
        return [_or_nothing(pc.if_else(column, key + "true", key + "false"))]
    text = column.cast(pa.string())
    if pa.types.is_date(kind):
        return [_or_nothing(pc.binary_join_element_wise(key + '"', text, '"', ""))]
    return [_or_nothing(pc.binary_join_element_wise(key, text, ""))] if column.null_count else [key, text]


def _or_nothing(column: pa.Array) -> pa.Array:
    return pc.fill_null(column, "") if column.null_count else column


def _escaped(column: pa.Array) -> pa.Array:
    """Quotes, backslashes and line breaks as JSON wants them; looked for first, because they are rare."""
    if not pc.any(pc.match_substring_regex(column, r'["\\\n\r\t]')).as_py():
        return column
    for raw, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        column = pc.replace_substring(column, raw, written)
    return column


def _moment(key: str, column: pa.Array) -> list[pa.Array]:
    """Timestamps by looking up day, second and millisecond: many times faster than formatting each."""
    missing = column.is_null().to_numpy(zero_copy_only=False) if column.null_count else None
    ms = column.cast(pa.timestamp("ms")).cast(pa.int64()).fill_null(0).to_numpy()
    day, rest = np.divmod(ms, 86_400_000)
    second, milli = np.divmod(rest, 1000)
    first = int(day.min())
    names = pa.array([f'{key}"{np.datetime64(first + n, "D")}' for n in range(int(day.max()) - first + 1)])
    pieces = (names, day - first), (SECOND_OF_DAY, second), (MILLISECOND, milli)
    return [values.take(pa.array(index.astype(np.int32), mask=missing)) for values, index in pieces]


def packed(table: pa.Table, form: str) -> bytes:
    """A table as the bytes of a file of one of the three forms."""
    if form == "csv":
        return gz(csv_bytes(table), 3)
    if form == "jsonl":
        return gz(json_lines(table))
    return parquet_bytes(table)


def write(path: Path, data: bytes) -> None:
    """Write a file whole: under another name first, so that a reader never sees a half one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(data)
    partial.rename(path)


def declared(table: pa.Table, columns: tuple[str, ...]) -> dict[str, object]:
    """Rows and exact sums, as a backend that is careful declares them beside its file."""
    sums = {
        name: str(Decimal(pc.sum(table[name]).as_py() or 0).quantize(_quantum(table[name].type))) for name in columns
    }
    return {"rows": table.num_rows, "sum": sums}


def _quantum(kind: pa.DataType) -> Decimal:
    return Decimal(1).scaleb(-kind.scale) if pa.types.is_decimal(kind) else Decimal(1)
