"""What a state of Nightshift comes to: a hash of everything that is promised to be the same after a kill and a rerun.

Files are compared as bytes; databases, whose bytes are their engine's own affair, by their rows. What carries the
clock, or says that something was run, cannot be the same in two runs; each such thing is named in ``LEFT_OUT`` with the
reason.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from scripts.files import files_below, read_json
from scripts.warehouse import rows_hash

# Paths (below the home) that are not compared, each with the reason.
LEFT_OUT = {
    r"landing/nightshift/(runs|run_nodes|mart_versions)/.*": "the record of what was run, when, and that it was killed",
    r"(warehouse|hourly/warehouse)/.*": "compared by the ledger, not as a file",
    r"(target|hourly/target|logs|hourly/logs)/.*": "dbt's compiled SQL and logs",
    r"landing/\.index\.sqlite.*": "made again from the manifests when it is lost",
    r"exports/search/[^/]+/tantivy/.*": "segments are named at random; manifest.json says what is in them",
    r"vault/.*": "encrypted with fresh nonces; people are compared by their pseudonyms",
    r"(inbox|truth|dev|hourly/dev)/.*": "what the backends ship; an analyst's own warehouse",
    r"(.*/)?night\.html": "the report of a night: its steps, their times, and that it was killed",
}
# Keys of JSON documents that are not compared: the clock, and what follows from other bytes.
CLOCK_KEYS = {"published_at", "landed_at", "started_at", "finished_at", "seconds", "sequence", "identity"}
SEARCH_KEYS = {"files"}

# Marts that hold clock times (they say so by meta.holds_clock_times) are left out by their names.
CLOCK = "holds_clock_times"

# The list of dumps has those of killed runs' own records, and says where each lies; what was made of it is compared.
LEDGER = r"""
    select relation || ' ' || coalesce(cast(day as varchar), 'whole'),
        concat_ws(' ', logic_hash, regexp_replace(inputs, 'ops\.visible_dumps=[^;]*', ''), output_hash, row_count)
    from ops.fresh where output_hash not in ('created', 'started') and relation not like '%\_\_next' escape '\'
"""


def state(home: Path) -> dict[str, str]:
    """Everything that must be the same, by name."""
    found: dict[str, str] = {}
    timed = _timed(home)
    for path in _files(home):
        name = str(path.relative_to(home))
        if not _is_left_out(name):
            found.update(_file(name, path))
    for name, file in (
        ("ledger", home / "warehouse/warehouse.duckdb"),
        ("hourly", home / "hourly/warehouse/warehouse.duckdb"),
    ):
        if file.exists():
            found.update(_ledger(name, file))
    if (home / "vault/vault.sqlite").exists():
        found["vault people"] = _people(home / "vault/vault.sqlite")
    for link in [*home.glob("published/**/current"), *home.glob("exports/*/current")]:
        found[f"{link.relative_to(home)} ->"] = str(link.readlink())
    return {name: content for name, content in found.items() if not timed & set(re.split(r"[ ./]", name))}


def _timed(home: Path) -> set[str]:
    """Names of the models that hold clock times, as dbt's manifest has them."""
    nodes = (read_json(home / "target/manifest.json") or {"nodes": {}})["nodes"].values()
    return {node["name"] for node in nodes if (node["config"].get("meta") or {}).get(CLOCK)}


def leftovers(home: Path, clean: Path) -> list[str]:
    """Files that a killed run left and the next one should have taken away: there are none of them in ``clean``."""
    here, there = ({_normal(str(path.relative_to(root))) for path in _files(root)} for root in (home, clean))
    ours = re.compile(
        r"landing/nightshift/(runs|run_nodes|mart_versions)/.*|(hourly/)?(target|logs|dev)/.*|.*\.(wal|shm)|.*-(wal|shm)"
    )
    return sorted(name for name in here - there if not ours.fullmatch(name))


def shown(folder: Path) -> str:
    """One hash of what a reader finds in a published folder or an export."""
    parts = {}
    place = "exports/search/x/" if (folder / "postings.duckdb").exists() else ""
    for path in _files(folder):
        name = f"{place}{path.relative_to(folder)}"
        if not _is_left_out(name):
            parts.update(_file(name, path))
    return hashlib.sha256(json.dumps(sorted(parts.items())).encode()).hexdigest()


def _files(root: Path) -> Iterator[Path]:
    yield from sorted(Path(entry.path) for entry in files_below(root))


def _is_left_out(name: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in LEFT_OUT)


def _normal(name: str) -> str:
    """Tantivy names its segments at random."""
    return re.sub(r"(tantivy/)[0-9a-f]{32}", r"\1segment", name)


def _file(name: str, path: Path) -> Iterator[tuple[str, str]]:
    """What is in one file, as (name, hash) of its parts."""
    raw = path.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if path.suffix == ".json":
        keys = CLOCK_KEYS | (SEARCH_KEYS if name.startswith("exports/search/") else set())
        yield name, _hash(json.dumps(_without(json.loads(raw), keys), sort_keys=True))
    elif path.suffix in READ and not name.startswith("landing/"):
        if digest not in _read:  # most files are copies of files that were read before
            _read[digest] = list(READ[path.suffix](path))
        yield from ((f"{name} {part}".strip(), content) for part, content in _read[digest])
    else:
        yield name, digest


def _tables(path: Path) -> Iterator[tuple[str, str]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = current_database() order by all"
        ).fetchall()
        for schema, name in tables:
            yield f"{schema}.{name}", _rows(connection, f'"{schema}"."{name}"')


def _parquet(path: Path) -> Iterator[tuple[str, str]]:
    with duckdb.connect() as connection:
        yield "", _rows(connection, f"read_parquet('{path}', hive_partitioning = false)")


def _rows(connection: duckdb.DuckDBPyConnection, relation: str) -> str:
    columns = connection.execute(f"select column_name, column_type from (describe from {relation})").fetchall()
    return connection.execute(f"select {rows_hash(columns)} from {relation}").fetchone()[0]


def _dump(path: Path) -> Iterator[tuple[str, str]]:
    """The rows of a SQLite file, in order."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        lines = sorted(database.iterdump())
    database.close()
    yield "", _hash("\n".join(lines))


READ = {".duckdb": _tables, ".parquet": _parquet, ".sqlite": _dump}
_read: dict[str, list[tuple[str, str]]] = {}


def _ledger(name: str, file: Path) -> Iterator[tuple[str, str]]:
    """What each day of each model was made of and came to, as the ledger has it now; and which domains are good."""
    with duckdb.connect(str(file), read_only=True) as connection:
        for what, text in connection.execute(LEDGER).fetchall():
            yield f"{name} {what}", text
        checks = (
            "select domain, arg_max(passed, rowid), arg_max(failures, rowid) from ops.domain_checks group by domain"
        )
        for domain, passed, failures in connection.execute(checks).fetchall():
            yield f"{name} tests of {domain}", f"{passed} {failures}"
        releases = "select domain || ' ' || run_id, count(*) from ops.releases group by 1"
        for release, number in connection.execute(releases).fetchall():
            yield f"{name} release of {release}", str(number)


def _people(path: Path) -> str:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        people = database.execute("select pseudonym from persons order by 1").fetchall()
        gone = database.execute("select hex(lookup), erased_on from tombstones order by 1").fetchall()
    database.close()
    return _hash(json.dumps([people, gone]))


def _without(value: Any, keys: set[str]) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(value, dict):
        return {key: _without(inner, keys) for key, inner in value.items() if key not in keys}
    return [_without(inner, keys) for inner in value] if isinstance(value, list) else value


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
