"""Bytes to records, vectorised: lines of JSON, CSV and PostgreSQL's COPY text become Arrow batches.

A batch has ``_dump, _file, _line, _raw`` and, for delimited text, one text column ``c<i>`` for each shipped column.
What is no record at all is noted as bad, with its bytes; what cannot be trusted at all refuses its dump, the others
of the batch go on. Python loops only over what is wrong: clean input is cut by numpy and pyarrow.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pa_compute
import pyarrow.csv as pa_csv

from scripts.backends import Table
from scripts.landing import cutting
from scripts.landing.cutting import LONGEST, Chunk
from scripts.landing.pg_dump import escapes
from scripts.landing.streams import ByteStream, Damaged

BOM = b"\xef\xbb\xbf"
BASE = [("_dump", pa.int32()), ("_file", pa.int32()), ("_line", pa.int64()), ("_raw", pa.large_string())]
JSON_SCHEMA = pa.schema(BASE)


class Bad(NamedTuple):
    """A line that is no record, or a record that breaks the contract at the door."""

    dump: int
    file: int
    line: int
    column: str | None
    reason: str
    raw: bytes


@dataclass
class Reading:
    """What reading a batch brought to light besides rows; dumps and files by their number in the batch."""

    bad: list[Bad] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    truncated: dict[int, list[str]] = field(default_factory=dict)
    extra: dict[int, set[str]] = field(default_factory=dict)

    def refuse(self, dump: int, why: str) -> None:
        """Refuse a dump; the first reason stands."""
        self.refused.setdefault(dump, why)


@dataclass(frozen=True)
class Input:
    """One file of a batch."""

    dump: int
    file: int
    name: str
    stream: ByteStream
    covers_on: date


def text_schema(table: Table) -> pa.Schema:
    """Batches of delimited text."""
    return pa.schema(BASE + [(f"c{i}", pa.string()) for i in range(len(table.shipped))])


def json_batches(table: Table, inputs: Sequence[Input], reading: Reading) -> Iterator[pa.RecordBatch]:
    """Lines of JSON objects; DuckDB takes their fields apart."""
    for each in _readable(inputs, reading):
        with _Lines(each, reading) as lines:
            for data, final in lines:
                chunk = cutting.lines(data, final)
                chunk.find_unreadable()
                _find_no_objects(chunk)
                if batch := lines.batch(JSON_SCHEMA, chunk):
                    yield batch


def _readable(inputs: Sequence[Input], reading: Reading) -> Iterator[Input]:
    """Inputs of dumps not refused so far."""
    return (each for each in inputs if each.dump not in reading.refused)


def _find_no_objects(chunk: Chunk) -> None:
    """Note lines that hold no JSON object, by their first byte, and values that no database takes."""
    for i in np.flatnonzero(chunk.bytes[chunk.starts] != ord("{")).tolist():
        text = chunk.record(i).strip()
        if not text:
            chunk.wrong[i] = ""
        elif not text.startswith(b"{"):
            chunk.wrong.setdefault(i, "not a JSON object")
    if b"\\u0000" in chunk.data:
        for i in range(len(chunk.starts)):
            if b"\\u0000" in chunk.record(i):
                chunk.wrong.setdefault(i, "NUL character in a value")


def csv_batches(table: Table, inputs: Sequence[Input], reading: Reading) -> Iterator[pa.RecordBatch]:
    """Records of CSV (RFC 4180: quotes doubled, line ends allowed within them), columns found by the header."""
    schema, delimiter = text_schema(table), table.delimiter.encode()
    for each in _readable(inputs, reading):
        with _Lines(each, reading) as lines:
            header: Header | None = None
            for data, final in lines:
                if header is None:
                    header, used = Header.read(table, each, data)
                    reading.extra.setdefault(each.dump, set()).update(header.extra)
                    data = lines.skip(data, used)
                chunk = cutting.delimited(data, final, delimiter, header.width)
                chunk.find_unreadable()
                lines.keep(data[chunk.end :])
                if batch := lines.batch(schema, chunk, lambda good, h=header: h.columns(table, good)):
                    yield batch
            if header is None and not each.stream.truncated:
                raise Damaged("empty: not even a header")


def copy_batches(table: Table, inputs: Sequence[Input], reading: Reading) -> Iterator[pa.RecordBatch]:
    """Rows of PostgreSQL's COPY text format under a line of column names, as ``pg_dump`` writes them."""
    schema = text_schema(table)
    for each in _readable(inputs, reading):
        with _Lines(each, reading) as lines:
            header: Header | None = None
            for data, final in lines:
                if header is None:
                    used = data.find(b"\n") + 1
                    header = Header.match(table, each.covers_on, data[:used].decode().rstrip("\n").split("\t"))
                    reading.extra.setdefault(each.dump, set()).update(header.extra)
                    data = lines.skip(data, used)
                chunk = cutting.tabbed(data, final, header.width)
                chunk.find_unreadable()
                if batch := lines.batch(schema, chunk, header.copied):
                    yield batch


@dataclass(frozen=True)
class Header:
    """Where a file has the shipped columns: position by column, None where it lacks one."""

    width: int
    positions: tuple[int | None, ...]
    extra: frozenset[str]

    @classmethod
    def read(cls, table: Table, each: Input, data: bytes) -> tuple[Header, int]:
        """The header from the first line, and how many bytes it took."""
        begin = len(data) - len(data.lstrip(b"\r\n"))
        used = data.find(b"\n", begin) + 1 or len(data)
        try:
            line = data[begin:used].decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise Damaged("line 1: the header is not UTF-8") from None
        names = [name.strip() for name in next(csv.reader([line], delimiter=table.delimiter), [])]
        return cls.match(table, each.covers_on, names), used

    @classmethod
    def match(cls, table: Table, covers_on: date, names: Sequence[str]) -> Header:
        """Find the contract's columns among the names a file has."""
        older: dict[str, list[str]] = {}
        for old, new in table.renamed.items():
            older.setdefault(new, []).append(old)
        positions: list[int | None] = []
        for column in table.shipped:
            spelled = next((n for n in [column.name, *older.get(column.name, [])] if n in names), None)
            if spelled is None and not (column.since and covers_on < column.since):
                raise Damaged(f"line 1: column {column.name} is missing; the header has {', '.join(names)[:300]!r}")
            if spelled is not None and names.count(spelled) > 1:
                raise Damaged(f"line 1: column {spelled} stands {names.count(spelled)} times in the header")
            positions.append(None if spelled is None else names.index(spelled))
        known = {c.name for c in table.shipped} | set(table.renamed) | {""}
        return cls(len(names), tuple(positions), frozenset(names) - known)

    def columns(self, table: Table, data: bytes) -> list[pa.Array]:
        """Values of the shipped columns from records that are known to fit."""
        wanted = sorted({p for p in self.positions if p is not None})
        parsed = pa_csv.read_csv(
            pa.BufferReader(data),
            pa_csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=_names(self.width)),
            pa_csv.ParseOptions(delimiter=table.delimiter, newlines_in_values=True),
            pa_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(_names(self.width), pa.string()),
                include_columns=[f"f{p}" for p in wanted],
                null_values=["", *table.null_values],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        return self._picked(parsed)

    def copied(self, data: bytes) -> list[pa.Array]:
        """Values of the shipped columns from lines of COPY's text format."""
        parsed = pa_csv.read_csv(
            pa.BufferReader(data),
            pa_csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=_names(self.width)),
            pa_csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False),
            pa_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(_names(self.width), pa.string()),
                null_values=["\\N"],
                strings_can_be_null=True,
            ),
        )
        return [_without_backslashes(column) for column in self._picked(parsed)]

    def _picked(self, parsed: pa.Table) -> list[pa.Array]:
        """The shipped columns in the contract's order."""
        nulls = pa.nulls(parsed.num_rows, pa.string())
        found = [nulls if p is None else parsed.column(f"f{p}").combine_chunks() for p in self.positions]
        return [a.chunk(0) if isinstance(a, pa.ChunkedArray) else a for a in found]


def _without_backslashes(column: pa.Array) -> pa.Array:
    """Most values have none, and most columns."""
    if not pa_compute.any(pa_compute.match_substring(column, "\\")).as_py():
        return column
    return pa.array([v and escapes(v) for v in column.to_pylist()], pa.string())


def _names(width: int) -> list[str]:
    return [f"f{i}" for i in range(width)]


class _Lines:
    """Chunks of whole lines of one file; keeps the line number and files away what is bad."""

    def __init__(self, each: Input, reading: Reading) -> None:
        self.each, self.reading = each, reading
        self.number = 1
        self.rest, self.fragment = b"", b""

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> bool:
        """Damage refuses the dump; a file cut off keeps what came before, its last line is bad."""
        if isinstance(error, Damaged | OSError):
            self.reading.refuse(self.each.dump, f"{self.each.name}: {error}")
            return True
        if error is None and self.each.stream.truncated:
            self.reading.truncated.setdefault(self.each.dump, []).append(self.each.name)
            if left := self.rest + self.fragment:
                self._bad(self.number, "cut off: the file ends in the middle of the record", left)
        return False

    def __iter__(self) -> Iterator[tuple[bytes, bool]]:
        """Chunks with what was kept of the one before, and whether it is the last one."""
        held: bytes | None = None
        for data in self._whole_lines():
            if held is not None:
                yield self._with_rest(held), False
            held = data
        if held is not None:
            yield self._with_rest(held), not self.each.stream.truncated

    def _with_rest(self, data: bytes) -> bytes:
        joined, self.rest = (self.rest + data if self.rest else data), b""
        return joined

    def keep(self, rest: bytes) -> None:
        """Begin the next chunk with these bytes."""
        self.rest = rest

    def skip(self, data: bytes, used: int) -> bytes:
        """Leave out lines that are no records."""
        self.number += data.count(b"\n", 0, used)
        return data[used:]

    def _whole_lines(self) -> Iterator[bytes]:
        stream, carry, carried, begun, is_cut = self.each.stream, [], 0, False, False
        for piece in stream:
            if not begun:
                begun = True
                if piece.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise Damaged("encoded as UTF-16, must be UTF-8")
                piece = piece.removeprefix(BOM)
            cut = piece.rfind(b"\n") + 1
            if cut:
                yield b"".join([*carry, piece[:cut]])
                carry, carried, is_cut = [piece[cut:]], len(piece) - cut, False
            elif not is_cut:
                # A line beyond all measure is kept up to the limit, with a NUL that makes it a bad one.
                is_cut = carried + len(piece) > LONGEST
                carry += [piece, b"\0"] if is_cut else [piece]
                carried += len(piece)
        if rest := b"".join(carry):
            if stream.truncated:
                self.fragment = rest
            else:
                yield rest

    def batch(self, schema: pa.Schema, chunk: Chunk, columns: object = None) -> pa.RecordBatch | None:
        """The chunk's good records, if there are any; the bad ones are filed."""
        numbers = self.number + chunk.lines_before(chunk.starts)
        for i in sorted(chunk.wrong):
            if chunk.wrong[i]:
                self._bad(int(numbers[i]), chunk.wrong[i], chunk.record(i))
        self.number += int(chunk.lines_before(chunk.end))
        good = np.ones(len(numbers), bool)
        good[list(chunk.wrong)] = False
        if not good.any():
            return None
        data, offsets = chunk.together(good)
        count = len(offsets) - 1
        arrays = [
            pa.array(np.full(count, self.each.dump, np.int32)),
            pa.array(np.full(count, self.each.file, np.int32)),
            pa.array(numbers[good].astype(np.int64)),
            pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(data)),
        ]
        if columns:
            arrays += columns(data)
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _bad(self, number: int, reason: str, raw: bytes) -> None:
        self.reading.bad.append(Bad(self.each.dump, self.each.file, number, None, reason, raw))
