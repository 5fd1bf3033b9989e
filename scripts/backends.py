"""The YAML of the backends as frozen dataclasses, checked so that an error names file, table and column.

One file a backend, ``backends/<name>.yml``, says all that Nightshift knows about what is shipped: the tables, their
columns and types, keys, money, people, freshness. ``land`` reads it, dbt's sources are generated from it.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from scripts.console import USAGE, Stop
from scripts.home import PROJECT

KINDS = ("snapshot", "log", "commitment")
FORMATS = ("csv", "jsonl", "parquet")
SOURCE_KINDS = ("files", "pg_dump", "postgres")
PERSONAL = ("vault", "hash")
NORMALISERS = ("email", "lower", "digits")
SIMPLE_TYPES = ("varchar", "boolean", "integer", "bigint", "double", "date", "timestamp")
IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
DECIMAL = re.compile(r"decimal\((\d{1,2}),(\d{1,2})\)")


class ContractError(Stop):
    """A backend's YAML is not what it must be."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}", USAGE)


@dataclass(frozen=True)
class Owner:
    """Who answers for a backend's dumps."""

    name: str
    email: str


@dataclass(frozen=True)
class Source:
    """Where a backend's tables come from: files in the inbox, a ``pg_dump`` in the inbox, a live PostgreSQL."""

    kind: str = "files"
    dsn_env: str | None = None
    schema: str = "public"
    files: str | None = None
    statement_timeout_seconds: int = 600


@dataclass(frozen=True)
class Clock:
    """Columns that tell how far a device's clock was off: when it says it sent, when the backend received."""

    sent_at: str
    received_at: str


@dataclass(frozen=True)
class Freshness:
    """After how many days without a new dump a table is late, and too late."""

    warn_after_days: int = 2
    error_after_days: int = 7


@dataclass(frozen=True)
class Column:
    """One column of a table as landed, or split off to the vault on the way."""

    name: str
    type: str
    description: str = ""
    required: bool = False
    person: bool = False
    personal: str | None = None
    of: str | None = None
    normalise: str | None = None
    currency: str | None = None
    since: date | None = None

    @property
    def landed(self) -> bool:
        """False for what goes to the vault only."""
        return self.personal != "vault"

    @property
    def landed_type(self) -> str:
        """The type in the landing: pseudonyms and keyed hashes are text whatever they were."""
        return "varchar" if self.person or self.personal else self.type

    @property
    def scale(self) -> int | None:
        """Digits after the point of a decimal, None for other types."""
        match = DECIMAL.fullmatch(self.type)
        return int(match[2]) if match else None

    @property
    def field_id(self) -> int:
        """The Parquet field id, a function of the name alone, by which readers find the column in any dump."""
        return field_id(self.name)


@dataclass(frozen=True)
class Table:
    """One table a backend ships."""

    backend: str
    name: str
    kind: str
    description: str
    columns: tuple[Column, ...]
    source: Source
    files: str | None = None
    format: str = "csv"
    delimiter: str = ","
    null_values: tuple[str, ...] = ()
    hourly: bool = False
    monthly: bool = False  # what falls due every month: little on a 31st, much on the last day of a shorter month
    key: tuple[str, ...] = ()
    version: str | None = None
    event_at: str | None = None
    event_days_ahead: int = 7
    clock: Clock | None = None
    freshness: Freshness = Freshness()
    quarantine_above: float = 0.01
    quarantine_few: int = 5
    accepted: Mapping[str, str] = field(default_factory=dict, hash=False)
    control_totals: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict, hash=False)
    rules: Mapping[str, str] = field(default_factory=dict, hash=False)
    relation: str | None = None
    cursor: str | None = None
    cursor_overlap: str = "1 hour"
    erasure: bool = False

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.backend}.{self.name}"

    @property
    def identifier(self) -> str:
        """The relation dbt reads it from."""
        return f"{self.backend}__{self.name}"

    @cached_property
    def landed(self) -> tuple[Column, ...]:
        """The columns of its Parquet files, in order, the landing's own ``_…`` columns last."""
        return tuple(c for c in self.columns if c.landed) + landing_columns(self.kind)

    @cached_property
    def shipped(self) -> tuple[Column, ...]:
        """The columns the backend ships (those computed ``of`` another are not)."""
        return tuple(c for c in self.columns if c.of is None)

    @cached_property
    def persons(self) -> tuple[Column, ...]:
        """Columns holding the id of a person."""
        return tuple(c for c in self.columns if c.person)

    @cached_property
    def vaulted(self) -> tuple[Column, ...]:
        """Columns that go to the vault only."""
        return tuple(c for c in self.columns if not c.landed)

    @cached_property
    def subject(self) -> Column | None:
        """The person a row of the vault is about: the person column of the key, else the only one there is."""
        keyed = [c for c in self.persons if c.name in self.key]
        return (keyed or list(self.persons) or [None])[0]

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(c for c in self.columns if c.name == name)


@dataclass(frozen=True)
class Backend:
    """One backend: who owns it and the tables it ships."""

    name: str
    description: str
    owner: Owner
    tables: Mapping[str, Table] = field(hash=False)
    path: Path = Path()
    sha256: str = ""
    source: Source = Source()

    @cached_property
    def patterns(self) -> list[tuple[str, re.Pattern[str]]]:
        """Which table claims a file of which name, the more particular first; ``*`` is all tables (a database dump)."""
        if self.source.kind == "pg_dump":
            return [("*", re.compile(fnmatch.translate(self.source.files or "")))]
        globs = sorted(((t.files, t.name) for t in self.tables.values() if t.files), key=lambda g: (-len(g[0]), g))
        return [(name, re.compile(fnmatch.translate(glob))) for glob, name in globs]


def field_id(name: str) -> int:
    """Parquet field id of a column name: the first 28 bits of its md5, which Jinja can compute as well."""
    return int(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:7], 16)


def landing_columns(kind: str = "log") -> tuple[Column, ...]:
    """The columns the landing adds to every row."""
    event_day = "Event day (UTC): the day of _event_at, computed here and nowhere later."
    day = "The day the snapshot is about." if kind == "snapshot" else event_day
    return (
        Column("_event_at", "timestamp", "Event time (UTC) after correction of the device's clock; null in snapshots."),
        Column("_event_on", "date", day, required=True),
        Column("_covers_on", "date", "The day the dump is about.", required=True),
        Column("_arrived_on", "date", "The day the dump arrived; a dump is visible from this day on.", required=True),
        Column("_dump_id", "varchar", "The dump the row came in (a hash of the content shipped).", required=True),
        Column("_source_file", "varchar", "File in the arrival folder, or relation, it came from.", required=True),
        Column("_source_line", "bigint", "Line in a text file, row in any other, counted from 1.", required=True),
    )


def backends_folder() -> Path:
    """Where the YAML files are."""
    return PROJECT / "backends"


def load_all(folder: Path | None = None) -> dict[str, Backend]:
    """Every backend by name, in order of name."""
    folder = folder or backends_folder()
    loaded: dict[str, Backend] = {}
    for path in sorted(folder.glob("*.yml")):
        backend = load(path)
        loaded[backend.name] = backend
    return loaded


def load(path: Path) -> Backend:
    """One backend from its file."""
    raw = path.read_bytes()
    where = f"{path.parent.name}/{path.name}"
    try:
        document = yaml.load(raw, Loader=_UniqueKeys)
    except yaml.YAMLError as error:
        raise ContractError(where, f"not YAML: {' '.join(str(error).split())}") from None
    reader = _Mapping(where, document)
    name = reader.name("backend")
    if name != path.stem:
        raise ContractError(where, f"says backend: {name}; file and backend must have the same name")
    owner = reader.mapping("owner")
    source = _source(reader.mapping("source", {}))
    tables = reader.mapping("tables")
    backend = Backend(
        name=name,
        description=reader.text("description"),
        owner=Owner(owner.text("name"), owner.text("email")),
        tables={str(t): _table(name, source, tables.mapping(t)) for t in tables.left()},
        path=path,
        sha256=hashlib.sha256(raw).hexdigest(),
        source=source,
    )
    for each in (reader, owner, tables):
        each.done()
    if not backend.tables:
        raise ContractError(where, "has no tables")
    return backend


def _source(reader: _Mapping) -> Source:
    """The ``source:`` of a backend."""
    source = Source(
        kind=reader.one_of("kind", SOURCE_KINDS, "files"),
        dsn_env=reader.text("dsn_env", None),
        schema=reader.text("schema", "public"),
        files=reader.text("files", None),
        statement_timeout_seconds=reader.whole("statement_timeout_seconds", 600),
    )
    reader.done()
    if source.kind == "postgres" and not source.dsn_env:
        reader.fail("kind: postgres needs dsn_env, the environment variable that holds the connection string")
    if source.kind == "pg_dump" and not source.files:
        reader.fail("kind: pg_dump needs files, the glob of the dump in the arrival folder")
    return source


def _table(backend: str, source: Source, reader: _Mapping) -> Table:
    """One entry of ``tables:``."""
    name = reader.last
    if not IDENTIFIER.fullmatch(name):
        reader.fail("a table's name is lower case letters, digits and underscores")
    kind = reader.one_of("kind", KINDS)
    key, event_at = reader.names("key", ()), reader.text("event_at", None)
    columns_reader = reader.mapping("columns")
    columns = tuple(_column(columns_reader.mapping(c), key, event_at) for c in columns_reader.left())
    clock, freshness = reader.mapping("clock", {}), reader.mapping("freshness", {})
    table = Table(
        backend=backend,
        name=name,
        kind=kind,
        description=reader.text("description"),
        columns=columns,
        source=source,
        files=reader.text("files", None),
        format=reader.one_of("format", FORMATS, "csv"),
        delimiter=reader.text("delimiter", ","),
        null_values=reader.names("null_values", ()),
        hourly=reader.flag("hourly"),
        monthly=reader.flag("monthly"),
        key=key,
        version=reader.text("version", None),
        event_at=event_at,
        event_days_ahead=reader.whole("event_days_ahead", 7),
        clock=Clock(clock.text("sent_at"), clock.text("received_at")) if clock.given else None,
        freshness=Freshness(freshness.whole("warn_after_days", 2), freshness.whole("error_after_days", 7)),
        quarantine_above=reader.number("quarantine_above", 0.01),
        quarantine_few=reader.whole("quarantine_few", 5),
        accepted=reader.texts("accepted"),
        control_totals=reader.names("control_totals", ()),
        renamed=reader.texts("renamed"),
        rules=reader.texts("rules"),
        relation=reader.text("relation", None),
        cursor=reader.text("cursor", None),
        cursor_overlap=reader.text("cursor_overlap", "1 hour"),
        erasure=reader.flag("erasure"),
    )
    for each in (reader, columns_reader, clock, freshness):
        each.done()
    _check(reader, table)
    return table


def _column(reader: _Mapping, key: tuple[str, ...], event_at: str | None) -> Column:
    """One entry of ``columns:``."""
    name = reader.last
    column = Column(
        name=name,
        type=re.sub(r"\s", "", reader.text("type").lower()),
        description=reader.text("description", ""),
        required=reader.flag("required", name in key or name == event_at),
        person=reader.flag("person"),
        personal=reader.one_of("personal", PERSONAL, None),
        of=reader.text("of", None),
        normalise=reader.one_of("normalise", NORMALISERS, None),
        currency=reader.text("currency", None),
        since=reader.day("since", None),
    )
    reader.done()
    if not IDENTIFIER.fullmatch(name) or name in {c.name for c in landing_columns()}:
        reader.fail("a column's name is lower case letters, digits and underscores, and not one the landing adds")
    match = DECIMAL.fullmatch(column.type)
    if not match and column.type not in SIMPLE_TYPES:
        reader.fail(f"type {column.type!r} is none of {', '.join(SIMPLE_TYPES)}, decimal(p,s)")
    if match and not 0 <= int(match[2]) <= int(match[1]) <= 38:
        reader.fail(f"type {column.type!r}: a decimal has at most 38 digits, and no more after the point than in all")
    if column.person and column.personal:
        reader.fail("person (a pseudonym) and personal (a keyed hash, or the vault) exclude each other")
    if column.of and column.personal != "hash":
        reader.fail("of goes with personal: hash")
    if column.normalise and column.personal != "hash":
        reader.fail("normalise goes with personal: hash")
    return column


def _check(reader: _Mapping, table: Table) -> None:
    """What must hold between the parts of a table."""
    names = {c.name for c in table.columns}

    def known(column: str | None, what: str) -> None:
        if column is not None and column not in names:
            reader.fail(f"{what} names column {column!r}, which columns: does not have")

    if not table.columns:
        reader.fail("has no columns")
    for column in table.columns:
        known(column.of, f"column {column.name}: of")
        if column.currency and not re.fullmatch(r"[A-Z]{3}", column.currency):
            known(column.currency, f"column {column.name}: currency")
    for what in ("key", "control_totals"):
        for name in getattr(table, what):
            known(name, what)
    known(table.version, "version")
    known(table.event_at, "event_at")
    known(table.cursor, "cursor")
    for old, new in table.renamed.items():
        known(new, f"renamed: {old}")
        if old in names:
            reader.fail(f"renamed: {old} is itself a column")
    if table.clock:
        known(table.clock.sent_at, "clock: sent_at")
        known(table.clock.received_at, "clock: received_at")
    if table.kind == "log" and not table.event_at:
        reader.fail("a log needs event_at, the column that says which day a row belongs to")
    if table.kind == "snapshot" and (table.event_at or table.clock):
        reader.fail("a snapshot has no event_at or clock: all of its rows are about the day of the dump")
    if table.event_at and table.column(table.event_at).type not in ("date", "timestamp"):
        reader.fail(f"event_at: {table.event_at} must be a date or a timestamp")
    if table.clock:
        for name in (table.event_at, table.clock.sent_at, table.clock.received_at):
            if name and table.column(name).type != "timestamp":
                reader.fail(f"clock: {name} must be a timestamp")
    for name in table.control_totals:
        if table.column(name).scale is None and table.column(name).type not in ("integer", "bigint"):
            reader.fail(f"control_totals: {name} must be a decimal or an integer, so that its sum is exact")
    if table.vaulted and not table.subject:
        reader.fail("has columns with personal: vault but none with person: true to file them under")
    if table.source.kind == "files" and table.kind != "commitment" and not table.files:
        reader.fail("needs files, the glob of its files in the arrival folder")
    if table.source.kind == "postgres" and table.kind == "log" and not table.cursor:
        reader.fail("a log read from a live PostgreSQL needs cursor, the column that grows with each change")
    if table.hourly and table.source.kind != "files":
        reader.fail("hourly goes with files")
    if len(table.delimiter.encode()) != 1:
        reader.fail("delimiter is one character")


class _UniqueKeys(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML lets the later of two equal keys win; here that is an error, because a column would vanish."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Refuse a key that stands twice."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_MISSING: Any = object()


class _Mapping:
    """A mapping of the document that remembers where it is and what has been read of it."""

    def __init__(self, where: str, value: object) -> None:
        self.where = where
        self.last = where.rsplit(" ", 1)[-1]
        if not isinstance(value, dict):
            self.fail("must be a mapping (key: value lines)")
        for key in value:
            if not isinstance(key, str):
                self.fail(f"key {key!r} is no text; YAML takes a bare on, off, yes or no for a truth value: quote it")
        self.value: dict = dict(value)
        self.given = bool(value)

    def fail(self, problem: str) -> Any:  # noqa: ANN401 (never returns; lets callers write "return self.fail(…)")
        """Stop with the place."""
        raise ContractError(self.where, problem)

    def left(self) -> list[str]:
        """Keys not read yet."""
        return list(self.value)

    def done(self) -> None:
        """Every key must have been read: an unknown one is a typing error that would otherwise be ignored."""
        if self.value:
            self.fail(f"unknown key {', '.join(map(repr, self.value))}")

    def _take(self, key: str, default: object) -> Any:  # noqa: ANN401
        if key not in self.value:
            return self.fail(f"{key} is missing") if default is _MISSING else default
        return self.value.pop(key)

    def mapping(self, key: str, default: object = _MISSING) -> _Mapping:
        """A mapping inside this one."""
        word = {"tables": "", "columns": ""}.get(key, f" {key}")
        return _Mapping(self.where + word, self._take(key, default))

    def text(self, key: str, default: Any = _MISSING) -> Any:  # noqa: ANN401
        """A string."""
        value = self._take(key, default)
        if value is not None and not isinstance(value, str):
            self.fail(f"{key} must be text, is {value!r}")
        return value.strip("\n") if isinstance(value, str) else value

    def name(self, key: str) -> str:
        """A lower-case identifier."""
        value = self.text(key)
        return value if IDENTIFIER.fullmatch(value) else self.fail(f"{key} {value!r} is no lower-case identifier")

    def one_of(self, key: str, allowed: tuple[str, ...], default: Any = _MISSING) -> Any:  # noqa: ANN401
        """One of some words."""
        value = self._take(key, default)
        if value is not default and value not in allowed:
            self.fail(f"{key} {value!r} is none of {', '.join(allowed)}")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        value = self._take(key, default)
        return value if isinstance(value, bool) else self.fail(f"{key} must be true or false, is {value!r}")

    def whole(self, key: str, default: int) -> int:
        """A whole number, zero or more."""
        value = self._take(key, default)
        good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return value if good else self.fail(f"{key} must be a whole number, is {value!r}")

    def day(self, key: str, default: date | None) -> date | None:
        """A date."""
        value = self._take(key, default)
        good = value is None or (isinstance(value, date) and not isinstance(value, datetime))
        return value if good else self.fail(f"{key} must be a day (YYYY-MM-DD), is {value!r}")

    def number(self, key: str, default: float) -> float:
        """A share between 0 and 1."""
        value = self._take(key, default)
        good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
        return float(value) if good else self.fail(f"{key} must lie between 0 and 1, is {value!r}")

    def names(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of strings."""
        value = self._take(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            self.fail(f"{key} must be a list of names, is {value!r}")
        return tuple(value)

    def texts(self, key: str) -> dict[str, str]:
        """A mapping of strings to strings."""
        value = self._take(key, {})
        if not isinstance(value, dict) or not all(isinstance(v, str) for pair in value.items() for v in pair):
            self.fail(f"{key} must map text to text, is {value!r}")
        return dict(value)
