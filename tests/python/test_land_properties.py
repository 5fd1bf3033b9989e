"""Landing under inputs nobody thought of: what was written is what lands, however it is cut, split and ordered."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.backends import Column, Source, Table
from scripts.landing import contract, cutting, pg_dump, records

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
ROWS = st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=12)
TABLE = Table("b", "t", "snapshot", "", tuple(Column(c, "varchar") for c in "abc"), Source(), files="*")


class Pieces:
    """A stream of bytes in pieces of a given size."""

    truncated = False

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size = data, size

    def __iter__(self):
        return (self.data[i : i + self.size] for i in range(0, len(self.data), self.size))


def read(data: bytes, size: int, batches=records.csv_batches) -> tuple[list[tuple], records.Reading]:
    reading = records.Reading()
    each = records.Input(0, 0, "file", Pieces(data, size), date(2026, 1, 1))
    found = pa.Table.from_batches(list(batches(TABLE, [each], reading)), records.text_schema(TABLE))
    return [tuple(row[c] for c in ("c0", "c1", "c2", "_line", "_raw")) for row in found.to_pylist()], reading


def quotable(rows: list[tuple], line_end: str, quoting: int) -> list[tuple]:
    """Python's writer leaves a carriage return unquoted where it is no part of the line end; nobody could read that."""
    if line_end == "\n" and quoting == csv.QUOTE_MINIMAL:
        return [tuple(value.replace("\r", "r") for value in row) for row in rows]
    return rows


def written(rows: list[tuple], line_end: str, quoting: int) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=line_end, quoting=quoting)
    writer.writerows([("a", "b", "c"), *rows])
    return out.getvalue().encode()


@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.integers(1, 60))
@settings(max_examples=300, deadline=None)
def test_a_csv_reads_as_it_was_written_in_whatever_pieces(rows, line_end, quoting, size):
    rows = quotable(rows, line_end, quoting)
    data = written(rows, line_end, quoting)
    found, reading = read(data, size)
    assert (reading.bad, reading.refused) == ([], {})
    empty = "" if quoting == csv.QUOTE_ALL else None
    assert [row[:3] for row in found] == [tuple(value or empty for value in row) for row in rows]
    lines = data.decode().split("\n")
    assert [row[4].split("\n")[0] for row in found] == [lines[row[3] - 1] for row in found], "and says where it stood"


@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.booleans())
@settings(max_examples=300, deadline=None)
def test_numbers_and_grammar_cut_alike(rows, line_end, final):
    rows = quotable(rows, line_end, csv.QUOTE_MINIMAL)
    data = written(rows, line_end, csv.QUOTE_MINIMAL)
    fast = cutting._by_numbers(data, final, b",", 3)
    assert fast is not None
    slow = cutting.by_grammar(data, final, b",", 3)
    assert (fast.starts.tolist(), fast.ends.tolist(), fast.wrong) == (
        slow.starts.tolist(), slow.ends.tolist(), slow.wrong,
    )  # fmt: skip


@given(st.lists(st.one_of(st.just(b"1,2,3"), st.binary(max_size=12).filter(lambda b: b"\n" not in b)), max_size=8),
       st.integers(1, 40))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_no_line_is_lost_whatever_it_holds(lines, size):
    data = b"a,b,c\n" + b"".join(line + b"\n" for line in lines)
    found, reading = read(data, size)
    kept = sorted([(row[3], row[4].encode()) for row in found] + [(bad.line, bad.raw) for bad in reading.bad])
    joined = b"".join(raw for _, raw in kept)
    blank = [line for line in lines if not line.strip(b"\r")]
    assert len(joined) + sum(len(line) + 1 for line in blank) >= len(data) - len(b"a,b,c\n")
    assert all(b"1,2,3\n" in joined for line in lines if line == b"1,2,3")


@given(ROWS, st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_copy_text_reads_as_postgres_writes_it(rows, size):
    escaped = str.maketrans(
        {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
    )
    lines = ["\t".join(value.translate(escaped) or "\\N" for value in row) for row in rows]
    data = "\n".join(["a\tb\tc", *lines, ""]).encode()
    found, reading = read(data, size, records.copy_batches)
    assert (reading.bad, reading.refused) == ([], {})
    assert [row[:3] for row in found] == [tuple(value or None for value in row) for row in rows]


@given(TEXT)
def test_backslashes_are_undone(text):
    assert pg_dump.escapes(text.replace("\\", "\\\\").replace("\n", "\\n")) == text


@pytest.fixture(scope="module")
def typed():
    """Type one text by the contract's SQL."""
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")

    def value(type_: str, text: str) -> object:
        column = Column("x", type_)
        return connection.execute(f"select {contract.typed(column, 'v')} from (select ? as v)", [text]).fetchone()[0]

    return value


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
@settings(max_examples=150, deadline=None)
def test_a_decimal_is_exact_or_none(typed, number):
    found = typed("decimal(18,2)", str(number))
    assert found == (number if number == round(number, 2) else None)


@given(st.one_of(st.text("0123456789.,+-eE_ nNaAiIfFxX", max_size=12), st.integers().map(str)))
@settings(max_examples=300, deadline=None)
def test_whatever_is_typed_means_what_it_says(typed, text):
    for type_ in ("integer", "bigint", "decimal(18,2)"):
        found = typed(type_, text)
        if found is not None:
            assert Decimal(found) == Decimal(text), f"{text!r} became {found!r}"
