"""An attacker of ``business.duckdb``: whatever adds up to the same in two of its tables is solved for what is hidden.

Nothing tells it what adds up. It tries every table, cut by time and by each choice of dimensions, whole, without one
value or with one value alone, and takes for a rule of arithmetic what holds in the true numbers for every key. Then it
goes from sum to sum: a sum that one table shows less what another shows of it; a single unknown is known from then on.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import duckdb

from scripts.few_people import FEW, cover_sums, decided, hidden_by, shown

COARSER = {"day": ("day", "week", "month"), "week": ("week",), "month": ("month",)}
# The same thing under another name; what says only more of an id.
ALIASES = {"to_plan_code": "plan_code"}
WORDS = ("name", "title", "label", "_kind", "_on", "main_genre")
ENOUGH_KEYS = 6  # so that equal sums are a rule and no accident
FEW_VALUES = 12
Term = tuple[str, int, str]  # table, row, column


@dataclass(frozen=True)
class Side:
    """One way to add a table up: numbers added together, the key, and which rows."""

    table: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    where: str

    @property
    def said(self) -> str:
        return f"{self.table}.{'+'.join(self.columns)} by {', '.join(self.keys)} where {self.where}"


@dataclass(frozen=True)
class Table:
    """A mart of which small counts are hidden, as the attacker's material."""

    name: str
    day: str
    unit: str
    dimensions: tuple[str, ...]
    rule: dict

    @cached_property
    def counted_by(self) -> dict[str, str]:
        return hidden_by(self.rule) | {count: count for count in self.rule["counts"]}

    @cached_property
    def numbers(self) -> list[tuple[str, ...]]:
        return [(column,) for column in self.counted_by] + list(
            itertools.combinations(self.rule.get("parts", [])[1:], 2)
        )


class World:
    """Marts as they are (``true <mart>``) and as everybody sees them (``public <mart>``)."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, marts: dict[str, dict], covered: bool = True) -> None:
        """``marts``: nodes of the manifest by name; ``covered`` False leaves out what sums between tables ask for."""
        self.connection, self.tables = connection, []
        rules = {name: rule for name, mart in marts.items() if (rule := mart["config"]["meta"].get("few_people"))}
        names = {name: f'"true {name}"' for name in rules}
        for name, rule in rules.items():
            query = decided(f"business.{name}", list(marts[name]["columns"]), rule)
            connection.execute(f"create or replace temp table {names[name]} as {query}")
        self.covered = cover_sums(connection, rules, names) if covered else 0
        for name, rule in rules.items():
            columns = marts[name]["columns"]
            connection.execute(
                f'create or replace temp table "public {name}" as {shown(names[name], list(columns), rule)}'
            )
            found = Table(name, marts[name]["config"]["day"], marts[name]["config"].get("unit") or "day", (), rule)
            dimensions = tuple(
                column
                for column, about in columns.items()
                if about["data_type"] in ("varchar", "date", "integer") and column not in found.counted_by
                and column != found.day and not column.endswith(WORDS)
            )  # fmt: skip
            self.tables.append(Table(name, found.day, found.unit, dimensions, rule))
        self.true, self.public, self.people = {}, {}, {}
        self.again = {
            (table.name, column): count in table.rule.get("again", [])
            for table in self.tables
            for column, count in table.counted_by.items()
        }
        for table in self.tables:
            self._read(table)

    def people_of(self, terms: list[Term]) -> float:
        """How many people several numbers are of, at least: those of some counts may be the same ones."""
        added = [self.people[term] for term in terms if not self.again[term[0], term[2]]]
        return max(sum(added), max((self.people[term] for term in terms), default=0))

    def _read(self, table: Table) -> None:
        columns = list(table.counted_by)
        listed = ", ".join(columns)
        true = self.connection.execute(f'select {listed} from "true {table.name}" order by rowid').fetchall()
        public = self.connection.execute(f'select {listed} from "public {table.name}" order by rowid').fetchall()
        for row, (was, seen) in enumerate(zip(true, public, strict=True)):
            people = dict(zip(columns, was, strict=True))
            for column, value, told in zip(columns, was, seen, strict=True):
                if value is not None:
                    self.true[table.name, row, column] = float(value)
                    self.people[table.name, row, column] = float(people[table.counted_by[column]] or 0)
                    if told is not None:
                        self.public[table.name, row, column] = float(told)

    def cuts(self, table: Table) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], str]]:
        """Kind of key, expressions of it, and rows: each choice of dimensions for each choice of rows."""
        conditions = ["true"]
        for dimension in table.dimensions:
            values = [
                value
                for (value,) in self.connection.execute(
                    f'select distinct {dimension} from "true {table.name}"'
                ).fetchall()
            ]
            if 1 < len(values) <= FEW_VALUES:
                conditions += [f"{dimension} {how} '{value}'" for value in values for how in ("=", "<>")]
            elif "world" in values:
                conditions += [f"{dimension} {how} 'world'" for how in ("=", "<>")]
        for grain in COARSER[table.unit]:
            start = f"cast(date_trunc('{grain}', {table.day}) as date)"
            which = ["true"]
            if grain != table.unit:
                edges = f'select {{}}({table.day}) from "true {table.name}" group by {start}'
                which += [f"{table.day} in ({edges.format(edge)})" for edge in ("min", "max")]
            for size in range(len(table.dimensions) + 1):
                for cut in itertools.combinations(table.dimensions, size):
                    cut = sorted(cut, key=lambda dimension: ALIASES.get(dimension, dimension))
                    kind = (grain, *(ALIASES.get(dimension, dimension) for dimension in cut))
                    for rows in itertools.product(conditions, which):
                        yield kind, (start, *cut), " and ".join(dict.fromkeys(rows))

    def terms(self, side: Side) -> dict[tuple, list[Term]]:
        """The numbers added up for each key."""
        places = ", ".join(map(str, range(1, len(side.keys) + 1)))
        found = self.connection.execute(
            f'select {", ".join(side.keys)}, list(rowid) from "true {side.table}" where {side.where} group by {places}'
        ).fetchall()
        return {
            tuple(key): [t for row in rows for c in side.columns if (t := (side.table, row, c)) in self.true]
            for *key, rows in found
        }


def what_adds_up(world: World) -> list[list[Side]]:
    """Sides of two tables or more whose true sums are the same for every key, by a hash of keys and sums."""
    found: dict[tuple, list[Side]] = defaultdict(list)
    for table in world.tables:
        sums = ", ".join(
            f"cast(sum({' + '.join(columns)}) as decimal(38, 2)) as sum_{place}"
            for place, columns in enumerate(table.numbers)
        )
        for kind, keys, where in world.cuts(table):
            names = [f"key_{place}" for place in range(len(keys))]
            cut = ", ".join(f"{key} as {name}" for key, name in zip(keys, names, strict=True))
            hashes = ", ".join(
                f"count(*) filter ({value} <> 0), bit_xor(hash({', '.join(names)}, {value})) filter ({value} <> 0)"
                for value in (f"sum_{place}" for place in range(len(table.numbers)))
            )
            row = world.connection.execute(
                f'select {hashes} from (select {cut}, {sums} from "true {table.name}" where {where} group by all)'
            ).fetchone()
            for place, columns in enumerate(table.numbers):
                if row[2 * place] >= ENOUGH_KEYS:
                    side = Side(table.name, columns, keys, where)
                    found[kind, row[2 * place], row[2 * place + 1]].append(side)
    between = [sides for sides in found.items() if len({side.table for side in sides[1]}) > 1]
    return _finest([(kind, sides) for (kind, *_), sides in between])


def _finest(found: list[tuple[tuple, list[Side]]]) -> list[list[Side]]:
    """Without what follows from a finer cut of the same numbers, or from the same cut of more rows."""
    order = {"day": 0, "week": 1, "month": 2}
    found.sort(key=lambda one: (order[one[0][0]], -len(one[0]), min(len(side.where) for side in one[1])))
    kept: list[tuple[tuple, set, list[Side]]] = []
    for (grain, *cut), sides in found:
        numbers = {(side.table, side.columns) for side in sides}
        if not any(
            numbers <= of and set(cut) <= set(finer) and (grain == other or (other == "day" and numbers == of))
            for (other, *finer), of, _ in kept
        ):
            shortest = {}
            for side in sorted(sides, key=lambda side: len(side.where)):
                shortest.setdefault((side.table, side.columns), side)
            kept.append(((grain, *cut), numbers, list(shortest.values())))
    return [sides for *_, sides in kept]


def given_away(world: World, found: list[list[Side]]) -> dict[str, list[str]]:
    """What comes out of it: by the side that hid them, numbers of fewer than five people."""
    known, leaks, equal = (
        dict(world.public),
        defaultdict(set),
        [[(s, world.terms(s)) for s in sides] for sides in found],
    )
    learned = True
    while learned:
        learned = False
        for sides in equal:
            for key in {key for _, terms in sides for key in terms}:
                totals = [sum(map(known.get, t[key])) for _, t in sides if key in t and all(x in known for x in t[key])]
                for side, terms in sides if totals else ():
                    unknown = [term for term in terms.get(key, []) if term not in known]
                    people = world.people_of(unknown)
                    if 0 < people < FEW:
                        leaks[side.said].add(f"{key}: {len(unknown)} numbers, {people:.0f} people")
                    if len(unknown) == 1:
                        known[unknown[0]] = totals[0] - sum(known[term] for term in terms[key] if term in known)
                        learned = True
    return {said: sorted(texts) for said, texts in leaks.items()}
