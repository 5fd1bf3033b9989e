"""What a branch changes in what models promise, from two manifests of dbt: for whom it breaks something.

Breaking is what makes a query that worked fail, or mean another thing without saying so: a table or column that is
gone or of a type that does not hold the old one's values, another key, a promise (contract, not null, key) taken back,
a model that others may no longer read. What is only more is not breaking.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.build import exposures_below, owner_of
from scripts.comparing.differences import keys_of

WHOLE_NUMBERS = {"tinyint": 1, "smallint": 2, "integer": 3, "bigint": 4, "hugeint": 5}
SYNONYMS = {"int": "integer", "string": "varchar", "text": "varchar", "numeric": "decimal", "bool": "boolean"}


@dataclass(frozen=True)
class Change:
    """One promise that is another one now; ``readers``: exposures and models of other domains, with their owners."""

    model: str
    text: str
    is_breaking: bool
    readers: tuple[str, ...] = ()


def contract_changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Every change of a published model's promises between two manifests, breaking ones first."""
    was, now = (_promising(project) for project in (before, after))
    keys = keys_of(before), keys_of(after)
    found = []
    for name in sorted({*was, *now}):
        if name not in was:
            found.append(Change(_label(now[name]), "new model", False))
            continue
        readers = tuple(_readers(was[name], before))
        if name not in now:
            found.append(Change(_label(was[name]), "the model is gone", True, readers))
            continue
        key = keys[0].get(name), keys[1].get(name)
        for text, is_breaking in _changes(was[name], now[name], *key):
            found.append(Change(_label(now[name]), text, is_breaking, readers if is_breaking else ()))
        for column in _no_longer_not_null(name, before, after):
            found.append(
                Change(_label(now[name]), f"column {column} is no longer tested to be not null", True, readers)
            )
    return sorted(found, key=lambda change: (not change.is_breaking, change.model))


def _promising(project: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Models that promise their columns, and all marts, by id."""
    return {
        key: node
        for key, node in project["nodes"].items()
        if node["resource_type"] == "model" and (node["fqn"][1] == "marts" or node["config"]["contract"]["enforced"])
    }


def _label(node: dict[str, Any]) -> str:
    return f"{node['schema']}.{node['alias']}"


def _changes(
    was: dict[str, Any], now: dict[str, Any], key_was: list[str] | None, key_is: list[str] | None
) -> Iterator[tuple[str, bool]]:
    if _label(was) != _label(now):
        yield f"was called {_label(was)}", True
    if was["config"]["contract"]["enforced"] and not now["config"]["contract"]["enforced"]:
        yield "its contract is no longer enforced", True
    if key_was and sorted(key_was) != sorted(key_is or []):
        yield f"its key is {', '.join(key_is or ['no longer promised'])}, was {', '.join(key_was)}", True
    elif key_is and not key_was:
        yield f"promises a key: {', '.join(key_is)}", False
    if was["access"] == "public" and now["access"] != "public":
        yield "other domains may no longer read it", True
    for setting, words in (("publish", "published as"), ("audience", "its audience is")):
        old, new = ((node["config"].get("meta") or {}).get(setting, "as before") for node in (was, now))
        if old != new:
            yield f"{words} {new}, was {old}", True
    for name, column in was["columns"].items():
        other = now["columns"].get(name)
        if other is None:
            yield f"column {name} is gone", True
        elif (old := _type(column)) != (new := _type(other)):
            yield f"column {name} is {new}, was {old}", not _holds(new, old)
        elif column["description"] != other["description"]:
            yield f"column {name} is described otherwise", False
    for name, column in now["columns"].items():
        if name not in was["columns"]:
            yield f"column {name} {_type(column)} is new", False
    if was["description"] != now["description"]:
        yield "is described otherwise", False


def _type(column: dict[str, Any]) -> str:
    text = re.sub(r"\s+", "", (column.get("data_type") or "of no type").lower())
    head, bracket, rest = text.partition("(")
    return SYNONYMS.get(head, head) + bracket + rest


def _holds(new: str, old: str) -> bool:
    """True if every value of the old type is one of the new, and stays a number of the same kind."""
    if old in WHOLE_NUMBERS and new in WHOLE_NUMBERS:
        return WHOLE_NUMBERS[new] >= WHOLE_NUMBERS[old]
    decimals = [re.fullmatch(r"decimal\((\d+),(\d+)\)", text) for text in (new, old)]
    if all(decimals):
        (new_digits, new_places), (old_digits, old_places) = ([int(n) for n in found.groups()] for found in decimals)
        return new_places >= old_places and new_digits - new_places >= old_digits - old_places
    return False


def _no_longer_not_null(model: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Columns, still there, of which nothing tests any more that they are not null."""
    was, now = (
        {
            test["column_name"]
            for test in project["nodes"].values()
            if test["resource_type"] == "test"
            and test.get("attached_node") == model
            and (test.get("test_metadata") or {}).get("name") == "not_null"
            and test["config"]["enabled"]
        }
        for project in (before, after)
    )
    columns = after["nodes"][model]["columns"]
    key = keys_of(after).get(model, [])
    return sorted(name for name in was - now if name in columns and name not in key)


def _readers(node: dict[str, Any], project: dict[str, Any]) -> Iterator[str]:
    """Who reads a model: exposures below it, and models of other groups that name it."""
    for exposure in exposures_below([node["unique_id"]], project):
        owner = exposure["owner"].get("name") or exposure["owner"].get("email") or "nobody"
        yield f"{exposure['type']} {exposure['name']} ({owner})"
    for child in project["child_map"].get(node["unique_id"], []):
        other = project["nodes"].get(child)
        if other and other["resource_type"] == "model" and other["config"].get("group") != node["config"].get("group"):
            owner = owner_of(other, project)
            name = owner.get("name") or owner.get("email") if isinstance(owner, dict) else owner
            yield f"model {other['name']}" + (f" ({name})" if name else "")
