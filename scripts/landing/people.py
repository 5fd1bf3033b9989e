"""People in a batch: their ids become pseudonyms, other identifying values keyed hashes, the rest goes to the vault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from scripts.backends import Column, Table
from scripts.landing.contract import literal, quoted
from scripts.landing.vault import ERASED, Vault

HASH_LENGTH = 24
BLOCK = 64


@dataclass
class Mapped:
    """How the query that writes a dump gets at pseudonyms and hashes: joins, and an expression a column."""

    joins: str = ""
    columns: dict[str, str] = field(default_factory=dict)


def map_people(
    connection: duckdb.DuckDBPyConnection, table: Table, open_vault: Callable[[], Vault], refused: Sequence[int]
) -> Mapped:
    """Give the people of table ``typed`` pseudonyms; keys and contents are in the vault when this returns."""
    hashed = [c for c in table.columns if c.personal == "hash"]
    if not table.persons and not hashed:
        return Mapped()
    vault = open_vault()
    usable = f"_refusal is null and _dump not in ({', '.join(map(str, refused)) or -1})"
    mapped = Mapped()
    if table.persons:
        _pseudonyms(connection, table, vault, usable)
        _withhold_erased(connection, table)
        _fill_vault(connection, table, vault, usable)
    for number, column in enumerate(table.persons):
        mapped.joins += f" left join people as p{number} on p{number}.id = {_text(column)}"
        mapped.columns[column.name] = f"p{number}.pseudonym"
    erased = " or ".join(f"{mapped.columns[c.name]} is not distinct from '{ERASED}'" for c in table.persons)
    _hashes(connection, table, hashed, vault.hash_key, usable)
    for number, column in enumerate(hashed):
        of, how = table.column(column.of) if column.of else column, column.normalise or ""
        mapped.joins += f" left join hashes as h{number} on h{number}.value = {_text(of)} and h{number}.how = '{how}'"
        value = f"h{number}.hash"
        mapped.columns[column.name] = f"case when not ({erased}) then {value} end" if erased else value
    return mapped


def _pseudonyms(connection: duckdb.DuckDBPyConnection, table: Table, vault: Vault, usable: str) -> None:
    """Table ``people``: id and pseudonym."""
    ids = " union ".join(f"select {_text(c)} as id from typed where {usable}" for c in table.persons)
    found = connection.execute(f"select distinct id from ({ids}) where id is not null order by id").fetchnumpy()["id"]
    people = pa.table({"id": pa.array(list(found), pa.string()), "pseudonym": pa.array(vault.pseudonyms(found))})
    connection.register("found_people", people.cast(pa.schema([("id", pa.string()), ("pseudonym", pa.string())])))
    connection.execute("create or replace temp table people as select * from found_people")
    connection.unregister("found_people")


def _withhold_erased(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Rows whose key is a person who was erased are withheld (and counted): under one name they would collide."""
    keyed = [c for c in table.persons if c.name in table.key]
    erased = f"select id from people where pseudonym = '{ERASED}'"
    if not keyed or not connection.execute(erased).fetchone():
        return
    is_erased = " or ".join(f"{_text(c)} in ({erased})" for c in keyed)
    kept = "* replace (case when _refusal is null and (is_erased) then -1 else _refusal end as _refusal)"
    connection.execute(
        f"create or replace temp table withheld as select {kept.replace('is_erased', is_erased)} from typed"
    )
    is_view = "select count(*) from duckdb_views() where view_name = 'typed' and temporary"
    kind = "view" if connection.execute(is_view).fetchone()[0] else "table"
    connection.execute(f"drop {kind} typed; alter table withheld rename to typed")


def _fill_vault(connection: duckdb.DuckDBPyConnection, table: Table, vault: Vault, usable: str) -> None:
    """The newest of what the batch says about each person."""
    if not table.vaulted:
        return
    subject = _text(table.subject)
    order = "_dump desc" + (f", {quoted(table.version)} desc nulls last" if table.version else "") + ", _line desc"
    values = ", ".join(f"{literal(c.name)}: {_text(c)}" for c in table.vaulted)
    newest = connection.execute(f"""
        select id, as_of, contents from (
            select
                {subject} as id, cast(_event_on as varchar) as as_of, {{ {values} }} as contents,
                row_number() over (partition by {subject} order by _event_on desc, {order}) as nth
            from typed where {usable} and {subject} is not null
        ) where nth = 1 order by as_of, id
    """).fetchall()
    by_day: dict[str, list] = {}
    for identity, as_of, contents in newest:
        by_day.setdefault(as_of, []).append((identity, contents))
    for as_of, rows in by_day.items():
        vault.keep(table.label, as_of, rows)


def _hashes(
    connection: duckdb.DuckDBPyConnection, table: Table, hashed: Sequence[Column], key: bytes, usable: str
) -> None:
    """Table ``hashes``: HMAC-SHA256 of each distinct value, in the way its column is normalised."""
    if not hashed:
        return
    values = " union ".join(
        f"select {_text(table.column(c.of or c.name))} as value, '{c.normalise or ''}' as how from typed where {usable}"
        for c in hashed
    )
    inner, outer = (bytes(b ^ pad for b in key.ljust(BLOCK, b"\0")) for pad in (0x36, 0x5C))
    normal = f"case how {' '.join(f'when {literal(h)} then {NORMAL[h]}' for h in NORMAL)} else value end"
    connection.execute(
        f"""
        create or replace temp table hashes as
        select distinct value, how, left(sha256(? || unhex(sha256(? || encode({normal})))), {HASH_LENGTH}) as hash
        from ({values}) where value is not null
        """,
        [outer, inner],
    )


_LOCAL, _DOMAIN = "split_part(split_part(lower(trim(value)), '@', 1), '+', 1)", "split_part(lower(trim(value)), '@', 2)"
NORMAL = {
    "email": (
        f"nfc_normalize(case when {_DOMAIN} in ('gmail.com', 'googlemail.com') "
        f"then replace({_LOCAL}, '.', '') || '@gmail.com' else {_LOCAL} || '@' || {_DOMAIN} end)"
    ),
    "lower": "nfc_normalize(lower(trim(value)))",
    "digits": "regexp_replace(value, '[^0-9]', '', 'g')",
}


def _text(column: Column) -> str:
    """A personal value as text, whatever its type."""
    return _name(column.name) if column.type == "varchar" else f"cast({_name(column.name)} as varchar)"


def _name(name: str) -> str:
    return f"typed.{quoted(name)}"
