"""Where each column of each model comes from, by its compiled SQL: which landed columns its *values* can tell of.

A value is carried by every expression but a count, a comparison, the condition of a ``case`` and what a window is
partitioned or ordered by: counting people tells nobody who they are, the largest of their ids does. What is not known
to be harmless carries everything that goes in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

Origins = frozenset[str]
NOTHING: Origins = frozenset()
OF_MAILS = ("address_hash", "send_key")
HARMLESS = (exp.Count, exp.ApproxDistinct, exp.Predicate, exp.Connector, exp.Not)


def column_origins(manifest: Mapping[str, Any], models: Iterable[str]) -> dict[str, dict[str, Origins]]:
    """For these models and all they are made of, by name: of each column the landed personal ones it can tell of.

    An origin is written "billing.payments.card_id".
    """
    found: dict[str, dict[str, Origins]] = {}
    relations: dict[tuple[str, str], dict[str, Origins]] = {}
    landed = [(source, column) for source in manifest["sources"].values() for column in source["columns"].values()]
    # What came back as a commitment is not tagged; it has the name of what is, or that under which mails are filed.
    personal = {column["name"] for _, column in landed if column["config"]["meta"].get("personal")} | set(OF_MAILS)
    for source, column in landed:
        origin = frozenset([f"{source['source_name']}.{source['name']}.{column['name']}"])
        of_table = relations.setdefault((source["schema"], source["identifier"]), {})
        of_table[column["name"]] = origin if column["name"] in personal else NOTHING
    for node in _in_order(manifest, models):
        if node["resource_type"] == "seed" or node.get("language") == "python":
            columns = _by_name(node, manifest, found)
        else:
            columns = _of_query(node["compiled_code"], relations)
        found[node["name"]] = relations[node["schema"], node["alias"]] = columns
    return found


def _in_order(manifest: Mapping[str, Any], models: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Models and seeds, each after what it reads."""
    nodes = {k: n for k, n in manifest["nodes"].items() if n["resource_type"] in ("model", "seed")}
    seen: set[str] = set()

    def visit(key: str) -> Iterator[dict[str, Any]]:
        if key in nodes and key not in seen:
            seen.add(key)
            for parent in nodes[key].get("depends_on", {}).get("nodes", []):
                yield from visit(parent)
            yield nodes[key]

    names = set(models)
    for key in sorted(key for key, node in nodes.items() if node["name"] in names):
        yield from visit(key)


def _by_name(node: Mapping[str, Any], manifest: Mapping[str, Any], found: Mapping[str, dict[str, Origins]]):
    """Columns of what is no SQL: a name that is personal in anything it reads is so here."""
    known: dict[str, Origins] = {}
    for parent in node.get("depends_on", {}).get("nodes", []):
        for name, origins in found.get(parent.split(".")[-1], {}).items():
            known[name] = known.get(name, NOTHING) | origins
    return {name: known.get(name, NOTHING) for name in node["columns"]} | {k: o for k, o in known.items() if o}


def _of_query(sql: str, relations: Mapping[tuple[str, str], dict[str, Origins]]) -> dict[str, Origins]:
    schema: dict[str, dict[str, dict[str, str]]] = {}
    for (place, name), columns in relations.items():
        schema.setdefault(place, {})[name] = {column: "varchar" for column in columns} or {"_": "varchar"}
    parsed = sqlglot.parse_one(sql, dialect="duckdb")
    for table in parsed.find_all(exp.Table):
        table.set("catalog", None)
    query = qualify(
        parsed, schema=schema, dialect="duckdb", quote_identifiers=False,
        validate_qualify_columns=False, allow_partial_qualification=True,
    )  # fmt: skip
    outputs: dict[int, dict[str, Origins]] = {}
    last: dict[str, Origins] = {}
    for scope in traverse_scope(query):
        last = outputs[id(scope.expression)] = _outputs(scope, outputs, relations)
    return last


def _outputs(scope: Scope, outputs: dict[int, dict[str, Origins]], relations) -> dict[str, Origins]:
    if isinstance(scope.expression, exp.SetOperation):
        left, right = (outputs[id(side.unnest())] for side in (scope.expression.left, scope.expression.right))
        aligned = zip(left.items(), right.values(), strict=False)
        return {name: origins | other for (name, origins), other in aligned}
    if not isinstance(scope.expression, exp.Select):
        # unnest and the like: whatever goes in may come out, under any name.
        everything = _flow(scope.expression, scope, outputs, relations)
        return {"*": everything}
    return {item.alias_or_name: _flow(item, scope, outputs, relations) for item in scope.expression.selects}


def _flow(node: exp.Expression, scope: Scope, outputs: dict[int, dict[str, Origins]], relations) -> Origins:
    if isinstance(node, exp.Column):
        return _column(node, scope, outputs, relations)
    if isinstance(node, HARMLESS):
        return NOTHING
    if isinstance(node, (exp.Query, exp.Subquery)):
        query = node.unnest() if isinstance(node, exp.Subquery) else node
        return frozenset().union(*outputs.get(id(query), {}).values())
    parts: list[Any] = []
    if isinstance(node, exp.Case):
        parts = [node.args.get("default"), *(branch.args["true"] for branch in node.args["ifs"])]
    elif isinstance(node, exp.If):
        parts = [node.args.get("true"), node.args.get("false")]
    elif isinstance(node, (exp.Window, exp.Filter)):
        parts = [node.this]
    else:
        parts = list(node.iter_expressions())
    return frozenset().union(*(_flow(part, scope, outputs, relations) for part in parts if part is not None))


def _column(column: exp.Column, scope: Scope, outputs: dict[int, dict[str, Origins]], relations) -> Origins:
    here: Scope | None = scope
    while here is not None:
        tables = [column.table] if column.table else list(here.sources)
        found = [
            _of_source(here.sources[table], column.name, outputs, relations)
            for table in tables
            if table in here.sources
        ]
        if found:
            return frozenset().union(*found)
        here = here.parent
    return NOTHING


def _of_source(source: Any, name: str, outputs: dict[int, dict[str, Origins]], relations) -> Origins:
    if isinstance(source, Scope):
        columns = outputs.get(id(source.expression), {})
    else:
        columns = relations.get((source.db, source.name), {})
    return columns.get(name, columns.get("*", NOTHING))
