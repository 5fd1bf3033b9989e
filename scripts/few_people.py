"""Small counts of people are hidden where readers are many: the rows of a mart as ``business.duckdb`` shows them.

A mart whose YAML has ``few_people`` says which of its columns count people. In ``business.duckdb`` a count of one to
four is null, and with it what would give it away:

- what was measured of those people (``hide``), where the first of the counts is hidden;
- the smallest other count of the same group (``within``), where only one is hidden or those hidden are fewer than five
  together: a total shown elsewhere less what is shown here would be the hidden count;
- a second part of a total (``parts``: the column that is their sum, then the parts, the usually largest first), where
  only one part is hidden.

Analysts read the exact numbers in ``marts.duckdb``.
"""

from __future__ import annotations

from typing import Any

FEW = 5


def rows_for_everybody(relation: str, columns: list[str], rule: dict[str, Any] | None) -> str:
    """A query with the rows of a relation as everybody may see them, columns in their order.

    ``rule`` is the mart's ``few_people``: ``counts`` (columns), ``within`` (columns), ``hide`` (columns) and ``parts``
    (columns: total, then its parts).
    """
    if not rule:
        return f"select * from {relation}"
    counts, hide = rule["counts"], rule.get("hide", [])
    total, *parts = rule.get("parts", [None])
    within = ", ".join(f'"{column}"' for column in rule["within"])
    order = ", ".join(f'"{column}"' for column in columns if column not in [*counts, *hide])
    small = ", ".join(f'"{count}" between 1 and {FEW - 1} as "small {count}"' for count in counts)
    groups = ", ".join(
        f'count(*) filter ("small {count}") over (partition by {within}) as "hidden {count}", '
        f'sum("{count}") filter ("small {count}") over (partition by {within}) as "people {count}", '
        f'row_number() over (partition by {within} order by "small {count}", "{count}" = 0, "{count}", {order}) '
        f'as "place {count}"'
        for count in counts
    )
    covered = ", ".join(
        f'"small {count}" or ("place {count}" = 1 and "hidden {count}" > 0 '
        f'and ("hidden {count}" = 1 or "people {count}" < {FEW})) as "few {count}"'
        for count in counts
    )
    gone = {count: f'"few {count}"' for count in counts}
    if total:
        hidden_parts = " + ".join(f'cast("few {part}" as integer)' for part in parts)
        alone = f"({hidden_parts}) = 1"
        gone[parts[0]] = f'("few {parts[0]}" or {alone})'
        gone[parts[1]] = f'("few {parts[1]}" or ({alone} and "few {parts[0]}"))'
    gone |= {column: f'"few {counts[0]}"' for column in hide}
    shown = ", ".join(
        f'case when {gone[column]} then null else "{column}" end as "{column}"' if column in gone else f'"{column}"'
        for column in columns
    )
    return (
        f"with rows_of_it as (select *, {small} from {relation}), grouped as (select *, {groups} from rows_of_it), "
        f"decided as (select *, {covered} from grouped) select {shown} from decided"
    )
