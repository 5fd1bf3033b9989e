"""Small counts of people are hidden where readers are many: the rows of marts as ``business.duckdb`` shows them.

A mart whose YAML has ``few_people`` says which of its columns count people (``counts``), and what else is measured of
those people (``hide``: by the count it belongs to, or a list for the first count). A count of one to four is hidden
with what belongs to it, and with them what would give them away:

- the smallest other count of the same group (``within``), where only one is hidden or those hidden are fewer than five
  together: a total shown elsewhere less what is shown here would be the hidden count;
- a second part of a total (``parts``: the column that is their sum, then the parts, the usually largest first), where
  only one part is hidden;
- across tables (``sums``), where rows of two tables add up to the same: ``count`` here and ``of_counts`` in the mart
  ``of`` for equal keys ``by`` (expressions of columns here → there), of rows ``where``. If one side hides a single
  number, or numbers of fewer than five people, and the other side nothing, the smallest of the other side is hidden,
  too; again, until no sum gives anything away.

People of several rows are added up, but those of counts in ``again``: there they may be the same ones, and the largest
count says how many they are at least.

Analysts read the exact numbers in ``marts.duckdb``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

FEW = 5
# A side that shows everything gives away what the other one hides, if that is one number or of few people; so does a
# total that is shown anywhere.
ALONE = f"hidden > 0 and (hidden = 1 or people < {FEW})"
TOLD_HERE = f"hidden = 0 and hidden_there > 0 and (hidden_there = 1 or people_there < {FEW})"
TOLD_THERE = f"hidden_there = 0 and {ALONE}"


def hidden_by(rule: dict[str, Any]) -> dict[str, str]:
    """For each measure that is hidden, the count of those it was measured of."""
    hide = rule.get("hide", [])
    by_count = hide if isinstance(hide, dict) else {rule["counts"][0]: hide}
    return {measure: count for count, measures in by_count.items() for measure in measures}


def _together(rule: dict[str, Any], count: str) -> str:
    """How counts of several rows become a number of people."""
    return "max" if count in rule.get("again", []) else "sum"


def decided(relation: str, columns: Sequence[str], rule: dict[str, Any]) -> str:
    """A query with the rows of a relation, in order, and for each count, whether it is hidden: ``"few <count>"``."""
    counts, measures = rule["counts"], hidden_by(rule)
    total, *parts = rule.get("parts", [None])
    within = ", ".join(f'"{column}"' for column in rule["within"])
    order = ", ".join(f'"{column}"' for column in columns if column not in counts and column not in measures)
    small = ", ".join(f'coalesce("{count}" between 1 and {FEW - 1}, false) as "small {count}"' for count in counts)
    groups = ", ".join(
        f'count(*) filter ("small {count}") over (partition by {within}) as "hidden {count}", '
        f'{_together(rule, count)}("{count}") filter ("small {count}") over (partition by {within}) '
        f'as "people {count}", '
        f'row_number() over (partition by {within} order by "small {count}", "{count}" = 0, "{count}", ordinal) '
        f'as "place {count}"'
        for count in counts
    )
    covered = {
        count: f'"small {count}" or ("place {count}" = 1 and "hidden {count}" > 0 '
        f'and ("hidden {count}" = 1 or "people {count}" < {FEW}))'
        for count in counts
    }
    flags = {count: f'"few {count}"' for count in counts}
    if total:
        hidden_parts = " + ".join(f'cast("few {part}" as integer)' for part in parts)
        alone = f"({hidden_parts}) = 1"
        flags[parts[0]] = f'("few {parts[0]}" or {alone})'
        flags[parts[1]] = f'("few {parts[1]}" or ({alone} and "few {parts[0]}"))'
    kept = ", ".join(f'"{column}"' for column in columns)
    own = ", ".join(f'({how}) as "few {count}"' for count, how in covered.items())
    final = ", ".join(f'{flag} as "few {count}"' for count, flag in flags.items())
    return (
        f"with rows_of_it as (select *, row_number() over (order by {order}) as ordinal, {small} from {relation}), "
        f"grouped as (select *, {groups} from rows_of_it), covered as (select *, {own} from grouped) "
        f"select {kept}, {final} from covered order by ordinal"
    )


def shown(relation: str, columns: Sequence[str], rule: dict[str, Any]) -> str:
    """A query with what everybody may see of rows that are decided."""
    by = hidden_by(rule) | {count: count for count in rule["counts"]}
    words = (
        f'case when "few {by[column]}" then null else "{column}" end as "{column}"' if column in by else f'"{column}"'
        for column in columns
    )
    return f"select {', '.join(words)} from {relation}"


@dataclass(frozen=True)
class Side:
    """One side of a sum: counts of rows of a mart's decided table, for keys that the other side knows as well."""

    table: str
    counts: tuple[str, ...]
    keys: tuple[str, ...]
    where: str
    together: str

    @property
    def named(self) -> str:
        """The keys under names of their own."""
        return ", ".join(f"{key} as key_{place}" for place, key in enumerate(self.keys))

    def groups(self) -> str:
        """A query with how many numbers are hidden under each key, and of how many people."""
        few = " + ".join(f'cast("few {count}" as integer)' for count in self.counts)
        people = " + ".join(f'case when "few {count}" then "{count}" else 0 end' for count in self.counts)
        return (
            f"select {self.named}, sum({few}) as hidden, {self.together}({people}) as people "
            f"from {self.table} where {self.where} group by all"
        )

    def hide_smallest(self, connection: duckdb.DuckDBPyConnection, condition: str) -> int:
        """Hide the smallest number shown for each key of the table ``compared`` that a condition holds for."""
        keys = ", ".join(f"key_{place}" for place in range(len(self.keys)))
        terms = " union all ".join(
            f"select rowid as place, '{count}' as name, \"{count}\" as number, {self.named} from {self.table} "
            f'where {self.where} and not "few {count}"'
            for count in self.counts
        )
        connection.execute(
            f"create or replace temp table picked as select place, name from ({terms}) "
            f"semi join (from compared where {condition}) using ({keys}) "
            f"qualify row_number() over (partition by {keys} order by number = 0, number, place, name) = 1"
        )
        for count in self.counts:
            connection.execute(
                f'update {self.table} set "few {count}" = true from picked '
                f"where picked.place = {self.table}.rowid and picked.name = '{count}'"
            )
        return connection.execute("select count(*) from picked").fetchone()[0]


def sums(rules: Mapping[str, dict[str, Any]], tables: Mapping[str, str]) -> Iterator[tuple[Side, Side | None]]:
    """The two sides of everything that adds up, within a row and between tables; None for a total shown anywhere."""

    def side(mart: str, counts: Sequence[str], keys: Iterable[str], where: str = "true") -> Side:
        return Side(tables[mart], tuple(counts), tuple(keys), where, _together(rules[mart], counts[0]))

    for mart, rule in rules.items():
        if parts := rule.get("parts"):
            yield side(mart, parts[:1], ["rowid"]), side(mart, parts[1:], ["rowid"])
            yield side(mart, parts[:1], rule["within"]), None
        for told in rule.get("sums", []):
            if told["of"] in tables:
                there = side(told["of"], told["of_counts"], told["by"].values(), told.get("where", "true"))
                yield side(mart, [told["count"]], told["by"]), there


def cover_sums(
    connection: duckdb.DuckDBPyConnection, rules: Mapping[str, dict[str, Any]], tables: Mapping[str, str]
) -> int:
    """Hide in decided tables what sums between them would give away; returns how many numbers that were."""
    pairs, covered = list(sums(rules, tables)), 0
    changed = set(tables.values())
    while changed:
        before, changed = changed, set()
        for one, other in pairs:
            if not {side.table for side in (one, other) if side} & (before | changed):
                continue
            told = [(one, TOLD_HERE), (other, TOLD_THERE)] if other else [(one, ALONE)]
            if not _compare(connection, one, other, [condition for _, condition in told]):
                continue
            for side, condition in told:
                if more := side.hide_smallest(connection, condition):
                    changed.add(side.table)
                    covered += more
    return covered


def _compare(connection: duckdb.DuckDBPyConnection, one: Side, other: Side | None, conditions: list[str]) -> int:
    """The table ``compared``: what either side hides under equal keys where a condition holds; returns its rows."""
    keys = ", ".join(f"key_{place}" for place in range(len(one.keys)))
    found = one.groups()
    if other:
        there = f"select {keys}, hidden as hidden_there, people as people_there from ({other.groups()})"
        found = f"select * from ({found}) inner join ({there}) using ({keys})"
    told = " or ".join(f"({condition})" for condition in conditions)
    return connection.execute(
        f"create or replace temp table compared as select * from ({found}) where {told}"
    ).fetchone()[0]
