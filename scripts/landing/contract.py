"""The contract at the door, as SQL: text to types without guessing, and why a row is refused.

DuckDB's own casts are kinder than money can bear ('12.345' becomes 12.35, '1_000' 1000, 'epoch' a date), so what may be
cast is said by a pattern first. A value that is none is NULL and its row goes to quarantine with the column's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from scripts.backends import Column, Table

EARLIEST = date(1970, 1, 1)
YEAR = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
DATE = YEAR + "-[0-9]{2}-[0-9]{2}"
TIME = r"([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
OFFSET = "(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
PATTERNS = {
    "integer": r"[+-]?[0-9]+(\.0+)?",
    "bigint": r"[+-]?[0-9]+(\.0+)?",
    "double": r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?",
    "date": DATE,
    "timestamp": f"{DATE}([T ]{TIME} ?{OFFSET}?)?",
}
SAYS = {
    "boolean": "neither true nor false",
    "integer": "not an integer",
    "bigint": "not an integer",
    "double": "not a finite number",
    "date": "not a date (YYYY-MM-DD)",
    "timestamp": "not a timestamp (YYYY-MM-DD HH:MM:SS, with or without offset)",
}


@dataclass(frozen=True)
class Refusal:
    """Why a row cannot be landed: which column, and in words."""

    column: str | None
    reason: str


ERASED = Refusal(None, "erased person")
NO_JSON = Refusal(None, "not JSON")


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: object) -> str:
    """A string literal."""
    return "'" + str(text).replace("'", "''") + "'"


def typed(column: Column, text: str) -> str:
    """SQL for a column's value from SQL for its text; NULL where the text is no such value."""
    if column.type == "varchar":
        return text
    if column.type == "boolean":
        true, false = "('true', 't', '1')", "('false', 'f', '0')"
        return f"case when lower({text}) in {true} then true when lower({text}) in {false} then false end"
    if column.scale is not None:
        pattern = rf"[+-]?([0-9]+(\.[0-9]{{0,{column.scale}}}0*)?|\.[0-9]{{1,{max(column.scale, 1)}}}0*)"
        return f"case when regexp_full_match({text}, {literal(pattern)}) then try_cast({text} as {column.type}) end"
    value = f"try_cast({text} as {column.type})"
    if column.type == "timestamp":
        has_offset = f"not ends_with({text}, 'Z') and regexp_matches(substr({text}, 17), '[+-]')"
        with_offset = f"cast(try_cast(replace({text}, ' +', '+') as timestamptz) as timestamp)"
        value = f"case when {has_offset} then {with_offset} else {value} end"
    if column.type == "double":
        value = f"case when isfinite({value}) then {value} end"
    return f"case when regexp_full_match({text}, {literal(PATTERNS[column.type])}) then {value} end"


def says(column: Column) -> str:
    """The reason when a value of the column is none of its type."""
    if column.scale is not None:
        return f"not a {column.type}: digits, a point, at most {column.scale} decimals"
    return SAYS[column.type]


def cleaned(table: Table, column: Column, text: str) -> str:
    """Text with NULL where the source means nothing: empty where empty is no value, and what the contract lists."""
    if column.type != "varchar":
        spaced = f"starts_with({text}, ' ') or ends_with({text}, ' ')"
        text = f"nullif(case when {spaced} then trim({text}) else {text} end, '')"
    for word in table.null_values:
        if word:
            text = f"nullif({text}, {literal(word)})"
    return text


def json_texts(table: Table) -> tuple[str, dict[str, str]]:
    """The structure DuckDB takes out of a line, and SQL for each shipped column's text from it."""
    older: dict[str, list[str]] = {}
    for old, new in table.renamed.items():
        older.setdefault(new, []).append(old)
    names = [n for c in table.shipped for n in [c.name, *older.get(c.name, [])]]
    structure = "{" + ", ".join(f'"{n}": "VARCHAR"' for n in names) + "}"
    texts = {}
    for column in table.shipped:
        spelled = [f"fields.{quoted(n)}" for n in [column.name, *older.get(column.name, [])]]
        text = f"coalesce({', '.join(spelled)})" if len(spelled) > 1 else spelled[0]
        texts[column.name] = _exact(column, text) if column.scale is not None else text
    return f"try(json_transform(_raw, {literal(structure)}))", texts


def _exact(column: Column, text: str) -> str:
    """A JSON number of more than 15 digits has been rounded by the reader; as a string it is exact."""
    is_number = f"json_type(_raw, {literal('$.' + quoted(column.name))}) = 'DOUBLE'"
    return f"case when length({text}) > 16 and {is_number} then 'rounded ' || {text} else {text} end"


@dataclass(frozen=True)
class Typing:
    """The query that types a relation of texts, and what its refusal codes mean."""

    sql: str
    refusals: Sequence[Refusal]


def typing_query(
    table: Table,
    relation: str,
    texts: Mapping[str, str],
    dumps: Sequence[tuple[date, date]],
    fields: str = "null",
    native: Mapping[str, str] | None = None,
) -> Typing:
    """Typed columns, event time and the code of the first thing wrong with each row (NULL: nothing).

    ``dumps`` are arrival day and day covered of each dump of the batch, by number. ``native`` has SQL for columns whose
    source has a type already; the others come from their text.
    """
    native = native or {}
    refusals: list[Refusal] = []
    checks: list[str] = []

    def refuse(condition: str | None, column: str | None, reason: str) -> None:
        """Add a refusal; without a condition it keeps its code and never happens."""
        refusals.append(Refusal(column, reason))
        if condition:
            checks.append(f"when {condition} then {len(refusals) - 1}")

    refuse("no_fields" if fields != "null" else None, NO_JSON.column, NO_JSON.reason)
    for column in table.shipped:
        if column.type != "varchar":
            cannot_fail = column.name in native and column.type != "double"
            is_none = f"{_text(column)} is not null and {quoted(column.name)} is null"
            refuse(None if cannot_fail else is_none, column.name, says(column))
        if column.required:
            refuse(f"{quoted(column.name)} is null", column.name, "required, is empty")
    if table.event_at and table.kind == "log":
        ahead = table.event_days_ahead
        out = f"_event_at is null or _event_at < date {literal(EARLIEST)} or _event_on > arrived_on + {ahead}"
        refuse(out, table.event_at, f"event day before {EARLIEST} or more than {ahead} days after arrival")
    arrivals = ", ".join(f"({i}, date '{a}', date '{c}')" for i, (a, c) in enumerate(dumps))
    with_days, joined = "arrived_on, covers_on", "inner join arrivals on typed._dump = arrivals.dump"
    if len(dumps) == 1:
        with_days, joined = f"date '{dumps[0][0]}' as arrived_on, date '{dumps[0][1]}' as covers_on", ""
    shipped = ", ".join(quoted(c.name) for c in table.shipped)
    cleaned_texts = ", ".join(
        f"{texts[c.name] if c.name in native else cleaned(table, c, texts[c.name])} as {_text(c)}"
        for c in table.shipped
    )
    values = ", ".join(
        f"{native[c.name].format(_text(c)) if c.name in native else typed(c, _text(c))} as {quoted(c.name)}"
        for c in table.shipped
    )
    kept_texts = ", ".join(_text(c) for c in table.shipped)
    code = f"case {' '.join(checks)} end" if checks else "null"
    sql = f"""
        with arrivals as (select * from (values {arrivals}) as arrivals (dump, arrived_on, covers_on)),
        taken as (select *, {fields} as fields from {relation}),
        texts as (select _dump, _file, _line, _raw, fields, {cleaned_texts} from taken),
        typed as (select _dump, _file, _line, _raw, fields is null as no_fields, {kept_texts}, {values} from texts),
        timed as (
            select typed.*, {with_days}, {_event_at(table)} as _event_at from typed {joined}
        ),
        dated as (select *, {_event_on(table)} as _event_on from timed),
        checked as (select *, cast({code} as smallint) as _refusal from dated)
        select
            _dump, _file, _line, {shipped}, _event_at, _event_on, _refusal,
            case when _refusal is not null then _raw end as _raw
        from checked
    """
    return Typing(sql, refusals)


def native_value(column: Column, source_type: str) -> str | None:
    """SQL (of ``{0}``) for a value that has a type which fits the contract's; None: it must go through its text."""
    name, _, size = source_type.partition("(")
    if column.type == "double":
        return "case when isfinite({0}) then cast({0} as double) end" if name in ("DOUBLE", "FLOAT") else None
    if column.scale is not None:
        if name != "DECIMAL":
            return None
        digits, scale = (int(n) for n in size.rstrip(")").split(","))
        precision = int(column.type[8:].split(",")[0])
        fits = scale <= column.scale and digits - scale <= precision - column.scale
        return f"cast({{0}} as {column.type})" if fits else None
    fitting = {
        "varchar": ("VARCHAR",),
        "boolean": ("BOOLEAN",),
        "integer": ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT"),
        "bigint": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"),
        "date": ("DATE",),
        "timestamp": ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS"),
    }
    return f"cast({{0}} as {column.type})" if source_type in fitting[column.type] else None


def _text(column: Column) -> str:
    """The name of a column's text within the query."""
    return quoted(f"text of {column.name}")


def _event_at(table: Table) -> str:
    """Event time: what the row says, moved by what the device's clock was off when it sent, never after receipt."""
    if not table.event_at:
        return "cast(null as timestamp)"
    stated = f"cast({quoted(table.event_at)} as timestamp)"
    if not table.clock:
        return stated
    sent, received = quoted(table.clock.sent_at), quoted(table.clock.received_at)
    corrected = f"try(least({stated} + ({received} - {sent}), {received}))"
    return f"case when {sent} is null or {received} is null then {stated} else {corrected} end"


def _event_on(table: Table) -> str:
    return "cast(_event_at as date)" if table.event_at else "covers_on"
