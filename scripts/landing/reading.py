"""The first half of a batch: rows of its files, typed and checked, as the relation ``typed``; and their measures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import duckdb
import pyarrow as pa

from scripts.backends import Table
from scripts.landing import contract, records
from scripts.landing.contract import Refusal, literal, quoted
from scripts.landing.inbox import Shipment
from scripts.landing.records import Bad, Input, Reading
from scripts.landing.streams import ByteStream, Damaged


class Reader:
    """Reads the shipments of one batch (dumps of one table, by number)."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, shipments: Sequence[Shipment], reading: Reading) -> None:
        self.duckdb, self.shipments, self.reading = connection, shipments, reading
        self.table: Table = shipments[0].table
        self.days = [(s.arrived_on, s.covers_on) for s in shipments]
        self.refusals: Sequence[Refusal] = ()
        self.is_native = True
        self.is_copy = False
        self.rows_in: dict[tuple[int, int], int] = {}

    def read(self) -> None:
        """Make ``typed``: a table, or a view over Parquet that has the contract's types already."""
        formats = {f.format or self.table.format for s in self.shipments for f in s.files}
        if formats == {"parquet"}:
            self._parquet()
        elif formats == {"jsonl"}:
            self._text(records.JSON_SCHEMA, records.json_batches, *contract.json_texts(self.table))
        else:
            texts = {c.name: f"c{i}" for i, c in enumerate(self.table.shipped)}
            batches = records.copy_batches if formats == {"copy"} else records.csv_batches
            self._text(records.text_schema(self.table), batches, "null", texts)

    def _inputs(self) -> Iterator[Input]:
        for number, shipment in enumerate(self.shipments):
            for position, file in enumerate(shipment.files):
                yield Input(number, position, file.name, ByteStream(file.path, file.content), shipment.covers_on)

    def _text(self, schema: pa.Schema, batches: object, fields: str, texts: dict[str, str]) -> None:
        query = contract.typing_query(self.table, "batches", texts, self.days, fields)
        self.refusals = query.refusals
        problem: list[BaseException] = []
        found = batches(self.table, list(self._inputs()), self.reading)
        self.duckdb.register("batches", pa.RecordBatchReader.from_batches(schema, _guarded(found, problem)))
        try:
            self.duckdb.execute(f"create or replace temp table typed as {query.sql}")
        finally:
            self.duckdb.unregister("batches")
        if problem:
            raise problem[0]

    def _parquet(self) -> None:
        """Parquet has types already; only values of another type than the contract's go through their text."""
        nothing = self._no_rows()
        parts = []
        for each in self._inputs():
            if each.dump in self.reading.refused:
                continue
            try:
                parts.append(self._parquet_file(each))
            except Damaged as error:
                self.reading.refuse(each.dump, f"{each.name}: {str(error).removeprefix('line 1: ')}")
            except (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException) as error:
                self.reading.refuse(each.dump, f"{each.name}: {unreadable_parquet(error)}")
        union = " union all ".join(f"(from ({part}))" for part in parts or [nothing])
        # What must only be copied is read where it lies; what is asked several times is kept.
        self.is_copy = self.is_native and not self.table.persons and all(c.personal is None for c in self.table.columns)
        self.duckdb.execute(f"create or replace temp {'view' if self.is_copy else 'table'} typed as {union}")

    def _parquet_file(self, each: Input) -> str:
        """The query that reads one file."""
        path = literal(each.stream.path)
        in_footer = self.duckdb.execute(f"select num_rows from parquet_file_metadata({path})").fetchone()
        self.rows_in[each.dump, each.file] = in_footer[0]
        source = f"read_parquet({path}, file_row_number = true)"
        types = dict(row[:2] for row in self.duckdb.execute(f"describe select * from {source}").fetchall())
        names = [n for n in types if n != "file_row_number"]
        header = records.Header.match(self.table, each.covers_on, names)
        self.reading.extra.setdefault(each.dump, set()).update(header.extra)
        texts, native = {}, {}
        for column, position in zip(self.table.shipped, header.positions, strict=True):
            name = None if position is None else names[position]
            if name and (fitting := contract.native_value(column, types[name])):
                native[column.name], texts[column.name] = fitting, quoted(name)
            else:
                texts[column.name] = f"cast({quoted(name) if name else 'null'} as varchar)"
                self.is_native &= name is None
        relation = f"""(
            select cast({each.dump} as integer) as _dump, cast({each.file} as integer) as _file,
                file_row_number + 1 as _line, cast(null as varchar) as _raw, *
            from {source}
        )"""
        return contract.typing_query(self.table, relation, texts, self.days, native=native).sql

    def _no_rows(self) -> str:
        """The query of no file at all; refusal codes mean the same in each."""
        texts = {c.name: "null::varchar" for c in self.table.shipped}
        nothing = "(select 0 as _dump, 0 as _file, 0::bigint as _line, null::varchar as _raw where false)"
        query = contract.typing_query(self.table, nothing, texts, self.days)
        self.refusals = query.refusals
        return query.sql

    def measure(self) -> dict[int, Measures]:
        """What each dump holds. Of a snapshot that must only be copied: what it holds if none of its rows is refused.

        Whoever writes it counts the rows that come out and asks for ``count`` if they are fewer.
        """
        table = self.table
        if not self.is_copy or table.kind != "snapshot" or table.control_totals or table.cursor:
            return self.count()
        found: dict[int, Measures] = defaultdict(lambda: Measures(is_assumed=True))
        for (dump, file), rows in self.rows_in.items():
            found[dump].add(file, self.days[dump][1], None, rows, {})
        return found

    def count(self) -> dict[int, Measures]:
        """What each dump holds; rows that break the contract at the door are collected with their reasons."""
        found: dict[int, Measures] = defaultdict(Measures)
        for bad in self.reading.bad:
            found[bad.dump].shipped[bad.file] += 1
        columns = self.table.control_totals
        sums = "".join(f", sum({quoted(c)})" for c in columns)
        if self.table.cursor:
            reached = f"select _dump, max({quoted(self.table.cursor)}) from typed where _refusal is null group by _dump"
            for dump, cursor in self.duckdb.execute(reached).fetchall():
                found[dump].cursor = None if cursor is None else str(cursor)
        groups = f"select _dump, _file, _event_on, _refusal, count(*){sums} from typed group by all order by all"
        is_any_refused = False
        for dump, file, day, code, rows, *totals in self.duckdb.execute(groups).fetchall():
            found[dump].add(file, day, code, rows, dict(zip(columns, totals, strict=True)))
            is_any_refused |= code is not None and code >= 0
        refused = "select _dump, _file, _line, _refusal, _raw from typed where _refusal >= 0"
        for dump, file, line, code, raw in self.duckdb.execute(refused).fetchall() if is_any_refused else ():
            why = self.refusals[code]
            text = self._parquet_row(dump, file, line) if raw is None else raw
            self.reading.bad.append(Bad(dump, file, line, why.column, why.reason, text.encode()))
        for bad in sorted(self.reading.bad, key=lambda b: b[:3]):
            found[bad.dump].bad.append(bad)
        return found

    def _parquet_row(self, dump: int, file: int, line: int) -> str:
        """A row of a Parquet file as JSON."""
        source = f"read_parquet({literal(self.shipments[dump].files[file].path)}, file_row_number = true)"
        row = f"select * exclude (file_row_number) from {source} where file_row_number = {line - 1}"
        return self.duckdb.execute(f"select to_json(row) from ({row}) as row").fetchone()[0]


@dataclass
class Measures:
    """What one dump holds: lines shipped by file, rows to land by event day, sums over all and over those refused."""

    shipped: Counter = field(default_factory=Counter)
    days: Counter = field(default_factory=Counter)
    erased: int = 0
    sums: Counter = field(default_factory=Counter)
    refused_sums: Counter = field(default_factory=Counter)
    bad: list[Bad] = field(default_factory=list)
    cursor: str | None = None
    is_assumed: bool = False

    @property
    def rows(self) -> int:
        """Rows to land."""
        return sum(self.days.values())

    def add(self, file: int, day: date, code: int | None, rows: int, totals: dict) -> None:
        """Add a group of rows."""
        self.shipped[file] += rows
        for column, total in totals.items():
            self.sums[column] += total or 0
            if code is not None:
                self.refused_sums[column] += total or 0
        if code is None:
            self.days[day] += rows
        elif code < 0:
            self.erased += rows


def unreadable_parquet(error: duckdb.Error) -> str:
    """Why a Parquet file cannot be read."""
    return f"not readable as Parquet ({str(error).splitlines()[0]})"


def _guarded(batches: Iterator[pa.RecordBatch], problem: list[BaseException]) -> Iterator[pa.RecordBatch]:
    """Batches for DuckDB; an error ends them and is kept, because DuckDB would wrap it beyond recognition."""
    try:
        yield from batches
    except BaseException as error:
        problem.append(error)
