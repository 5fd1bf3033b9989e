"""What a build need not ask again, because a build of all of it ended well and nothing that decides it has changed.

The ledger finds what is stale by asking every model, which costs Python for each, stale or not. Two questions have
their answer before that. If the project, the landing, the day and the registry are those of the last good build, and
the warehouse is as that build left it, nothing is stale. If only the data are others, views stand: a view is its
definition.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from scripts import fingerprint
from scripts.faults import fault_point
from scripts.files import read_json, replace_json
from scripts.home import folder

RECORD = "settled.json"

STATE = """
    select md5(concat_ws(chr(31),
        (select id from ops.identity),
        (select coalesce(max(sequence), 0) from ops.ledger),
        (select coalesce(max(sequence), 0) from ops.definitions),
        (select max(on_date) from ops.horizon),
        (select string_agg(concat(identifier, version), ' ' order by identifier) from ops.source_views),
        (
            select string_agg(concat_ws('.', schema_name, table_name, column_count), ' '
                order by schema_name, table_name)
            from duckdb_tables() where schema_name <> 'ops' and not temporary
        ),
        (
            select string_agg(concat_ws('.', schema_name, sql), ' ' order by schema_name, view_name)
            from duckdb_views() where schema_name not in ('ops', 'landing') and not internal and not temporary
        )
    ))
"""


@dataclass(frozen=True)
class Settled:
    """What stands as the last good build left it: everything, or some nodes (unique ids), or nothing."""

    everything: bool = False
    nodes: list[str] = field(default_factory=list)


def settled(
    connection: duckdb.DuckDBPyConnection, definitions: str, project: dict[str, Any], day: date | None
) -> Settled:
    """What a build of these definitions, of everything, may leave out; ``project`` is the manifest of the last one."""
    record = read_json(folder("warehouse") / RECORD) or {}
    if not record or record.get("definitions") != definitions or record["state"] != _state(connection):
        return Settled()
    if day is not None and record["night"] == fingerprint.of_night(day):
        return Settled(everything=True)
    return Settled(nodes=[key for key, node in project["nodes"].items() if _is_plain_view(node)])


def leave_out(connection: duckdb.DuckDBPyConnection, nodes: list[str]) -> None:
    """Tell the build which nodes (unique ids) it need not have run to certify a domain."""
    connection.execute("create or replace table ops.settled (node varchar)")
    connection.execute("insert into ops.settled select unnest(?)", [nodes])


def forget() -> None:
    """Before anything is built: what was known of the warehouse no longer holds."""
    (folder("warehouse") / RECORD).unlink(missing_ok=True)


def remember(connection: duckdb.DuckDBPyConnection, definitions: str, day: date | None) -> None:
    """After a build of everything that ended well."""
    fault_point("build:before-settled")
    night = fingerprint.of_night(day) if day else None
    record = {"definitions": definitions, "night": night, "state": _state(connection)}
    replace_json(folder("warehouse") / RECORD, record)


def _state(connection: duckdb.DuckDBPyConnection) -> str | None:
    """What the warehouse holds: which warehouse, how far its ledger goes, which relations are there."""
    try:
        return connection.execute(STATE).fetchone()[0]
    except duckdb.CatalogException:
        return None


def _is_plain_view(node: dict[str, Any]) -> bool:
    """A view that does nothing but be there (one of staging counts each dump once)."""
    config = node["config"]
    return node["resource_type"] == "model" and config["materialized"] == "view" and not config.get("post-hook")
