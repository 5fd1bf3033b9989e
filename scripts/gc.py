"""``gc``: what is older than ``retention.yml`` keeps goes, and the warehouse is written anew when much of it is free.

Nothing here is needed by the next night, and nothing a replay of the past needs is removed unless the YAML says so.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import duckdb

from scripts import console
from scripts.console import DONE, STOPPED, Stop, count, say, size, warn
from scripts.faults import fault_point
from scripts.files import files_below, read_json, remove_folder, sync
from scripts.home import folder, home
from scripts.landed import DAY, dumps, newest_arrival
from scripts.landing.streams import sha256
from scripts.lock import all_locks
from scripts.published import current_folder, published_runs
from scripts.retention import FOREVER, REQUIRED, retention
from scripts.warehouse import settings, warehouse_file

NEW = ".warehouse.new.duckdb"

# Rows of the ledger's tables that say nothing any more. $limit: the number in the ledger up to which they are old.
OLD_ROWS = {
    "slices": "sequence < (select max(sequence) from ops.slices as newer where newer.relation = slices.relation)",
    "definitions": """
        sequence < (select max(sequence) from ops.definitions as newer where newer.relation = definitions.relation)""",
    "ledger": """
        sequence < $limit
        and sequence <= (select coalesce(min(sequence), 0) from (
            select max(sequence) as sequence from ops.releases group by domain) as released)
        and sequence not in (select sequence from ops.fresh where fresh.relation = ledger.relation
            and fresh.day is not distinct from ledger.day)
        and not (output_hash in ('created', 'started') and sequence >= (select max(sequence) from ops.ledger as newer
            where newer.relation = ledger.relation and newer.output_hash = ledger.output_hash))""",
    "domain_checks": """
        ledger_sequence < $limit and rowid not in (select max(rowid) from ops.domain_checks group by domain)""",
    "releases": """
        sequence < $limit and sequence < (
            select max(sequence) from ops.releases as newer where newer.domain = releases.domain)""",
    **dict.fromkeys(("sifted", "staged"), """
        (backend, table_name, dump_id, arrived_on) not in (
            select (backend, table_name, dump_id, arrived_on) from ops.landed_dumps)"""),
}  # fmt: skip


@dataclass
class Old:
    """What a rule of the YAML lets go of one layer."""

    layer: str
    kept: str
    what: str
    paths: list[Path] = field(default_factory=list)
    rows: int = 0

    @property
    def files(self) -> int:
        """Files that go."""
        return sum(1 for _ in self._files())

    @property
    def bytes(self) -> int:
        """Bytes that are free then; a file that another name shares frees nothing."""
        return sum(stat.st_size for stat in self._files() if stat.st_nlink == 1)

    def _files(self) -> Iterator[Any]:
        for path in self.paths:
            if path.is_dir():
                yield from (entry.stat() for entry in files_below(path))
            else:
                yield path.stat()


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would go, file by file with -v; remove nothing.")
@click.option("--vacuum", is_flag=True, help="Write the warehouse anew however little of it is free.")
@click.option("-v", "--verbose", is_flag=True, help="Name every file.")
@click.option("--wait", default=600.0, show_default=True, help="Seconds to wait for a step that is running.")
def gc(dry_run: bool, vacuum: bool, verbose: bool, wait: float) -> int:
    """Remove what is older than retention.yml keeps, compact the ledger, give free blocks of the warehouse back.

    Days count back from the newest day that has landed. What the next night needs is never removed, and what a replay
    of the past needs only if the YAML says so. Killed, run it again.

    \b
    Examples
      ./nightshift gc --dry-run      files and bytes, by layer
      ./nightshift gc                from cron, once a week
      ./nightshift gc --vacuum
    """
    kept = retention()
    began = time.monotonic()
    with all_locks("gc", wait):
        found = list(_old(kept))
        rows = [[old.layer, old.kept, old.what, old.rows or old.files, size(old.bytes)] for old in found]
        print(console.table(["layer", "kept", "what is older", "files or rows", "bytes"], rows), flush=True)
        if verbose:
            for path in (path for old in found for path in old.paths):
                print(f"  {path.relative_to(home())}")
        if dry_run:
            for file in _warehouses():
                say("gc", f"{file.relative_to(home())}: {_free_share(file):.0%} of {size(file.stat().st_size)} is free")
            return DONE
        freed = sum(old.bytes for old in found)
        for path in (path for old in found for path in old.paths):
            fault_point("gc:before-remove")
            remove_folder(path) if path.is_dir() else path.unlink()
        _remove_empty(folder("inbox"))
        for file in _warehouses():
            _compact(file, kept["ops"]["nights"])
            freed += _vacuum(file, 0 if vacuum else kept["warehouse"]["free_share"])
    say("gc", f"{size(freed)} freed ({console.duration(time.monotonic() - began)})")
    return DONE


def _old(kept: dict[str, dict[str, Any]]) -> Iterator[Old]:
    """What each rule lets go now."""
    newest = newest_arrival()

    def limit(layer: str) -> str:
        days = kept[layer][REQUIRED[layer]]
        return str(newest - timedelta(days=days)) if newest and days != FOREVER else ""

    originals = list(_inbox(limit("inbox")))
    replaced = list(_superseded(limit("landing"), set(originals)))
    rows = list(_quarantine(limit("quarantine")))
    yield Old("inbox", _in_words(kept["inbox"]["days"], "days"), "originals that have landed", originals)
    yield Old("landing", _in_words(kept["landing"]["superseded_days"], "days"), "dumps that were replaced", replaced)
    yield Old("quarantine", _in_words(kept["quarantine"]["days"], "days"), "rows that were kept out", rows)
    yield Old("published", _in_words(kept["published"]["runs"], "runs"), "runs", _runs(kept["published"]["runs"]))
    for layer, what in {"logs": "logs", "target": "compiled SQL", "spill": "leftovers of killed steps"}.items():
        yield Old(layer, _in_words(kept[layer]["days"], "days"), what, list(_untouched(layer, kept[layer]["days"])))
    for file in _warehouses():
        rows = 0
        with duckdb.connect(str(file), config=settings()) as connection:
            for table, condition in _conditions(connection, kept["ops"]["nights"]):
                rows += connection.execute(f"select count(*) from ops.{table} where {condition}").fetchone()[0]
        yield Old(
            "ops", _in_words(kept["ops"]["nights"], "nights"), f"rows in {file.relative_to(home()).parent}", rows=rows
        )


def _in_words(kept: float | str, unit: str) -> str:
    return str(kept) if kept == FOREVER else f"{kept:,} {unit}"


def _inbox(limit: str) -> Iterator[Path]:
    """Files that arrived before the limit and whose content is in a dump of their backend."""
    known = _known_hashes()
    for backend in sorted(path for path in folder("inbox").iterdir() if path.is_dir()):
        old = [day for day in sorted(backend.iterdir()) if DAY.fullmatch(day.name) and day.name < limit]
        landed = _landed_hashes(backend.name) if old else set()
        for day in old:
            files = [Path(entry.path) for entry in files_below(day)]
            shipped = [path for path in files if not path.name.startswith("_")]
            gone = [path for path in shipped if _hash(path, known) in landed]
            # what a backend declares about its files goes with the last of them
            yield from files if len(gone) == len(shipped) else gone


def _landed_hashes(backend: str) -> set[str]:
    root = folder("landing") / backend
    manifests = (read_json(path) for path in root.glob("*/dt=*/*/_manifest.json"))
    return {source["sha256"] for manifest in manifests if manifest for source in manifest["source"]}


def _known_hashes() -> dict[str, tuple[int, int, str]]:
    """What ``land`` has hashed: path → size, time of change, SHA-256."""
    index = folder("landing") / ".index.sqlite"
    if not index.exists():
        return {}
    with closing(sqlite3.connect(index)) as database:
        return {row[0]: row[1:] for row in database.execute("select path, size, mtime_ns, sha256 from files")}


def _hash(path: Path, known: dict[str, tuple[int, int, str]]) -> str:
    stat = path.stat()
    found = known.get(str(path))
    if found and found[:2] == (stat.st_size, stat.st_mtime_ns):
        return found[2]
    return sha256(path)


def _superseded(limit: str, going: set[Path]) -> Iterator[Path]:
    """Dumps replaced before the limit whose originals are gone or going (``land`` would take those for new ones)."""
    inbox = folder("inbox")
    replaced: dict[tuple[str, str, str], str] = {}
    everything = list(dumps()) if limit else []
    for dump in everything:
        for old in dump.manifest().get("supersedes", []):
            key = (dump.backend, dump.table, old)
            replaced[key] = min(dump.arrived_on, replaced.get(key, dump.arrived_on))
    for dump in everything:
        since = replaced.get((dump.backend, dump.table, dump.dump_id))
        if since and since < limit:
            shipped = {Path(entry.path) for entry in files_below(inbox / dump.backend / dump.arrived_on)}
            if shipped <= going:
                yield dump.path


def _quarantine(limit: str) -> Iterator[Path]:
    for day in sorted(folder("quarantine").glob("*/*/dt=*")):
        if day.name.removeprefix("dt=") < limit:
            yield day


def _runs(keep: int | str) -> list[Path]:
    here = current_folder()
    old = [] if keep == FOREVER else published_runs()[: -int(keep) or None]
    return [folder("published") / run.run_id for run in old if here is None or run.run_id != here.name]


def _untouched(layer: str, days: int | str) -> Iterator[Path]:
    """Files that nobody has written to for so many days; of dbt's target only what it compiled."""
    roots = [home() / layer, home() / "hourly" / layer]
    if layer == "target":
        roots = [root / name for root in roots for name in ("compiled", "run")]
    if days == FOREVER:
        return
    for root in roots:
        for entry in files_below(root):
            if entry.stat().st_mtime < time.time() - float(days) * 86_400:
                yield Path(entry.path)


def _remove_empty(root: Path) -> None:
    """Folders from which everything has gone."""
    for path in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()


def _warehouses() -> list[Path]:
    """The night's and the hour's, those there are."""
    files = (warehouse_file(), home() / "hourly" / "warehouse" / warehouse_file().name)
    return [file for file in files if file.exists()]


def _conditions(connection: duckdb.DuckDBPyConnection, nights: int | str) -> Iterable[tuple[str, str]]:
    """Which rows of which of the ledger's tables say nothing any more."""
    there = {
        row[0]
        for row in connection.execute("select table_name from duckdb_tables() where schema_name = 'ops'").fetchall()
    }
    if not {"ledger", "releases", "landed_dumps"} <= there:
        return
    newest = connection.execute(
        "select max(sequence) as newest from ops.releases group by run_id order by newest desc"
    ).fetchall()
    limit = newest[int(nights) - 1][0] if nights != FOREVER and 0 < int(nights) <= len(newest) else 0
    for table, condition in OLD_ROWS.items():
        if table in there:
            yield table, condition.replace("$limit", str(limit))


def _compact(file: Path, nights: int | str) -> None:
    """Rows that say nothing any more go, all or none."""
    with duckdb.connect(str(file), config=settings()) as connection:
        connection.execute("begin")
        for table, condition in _conditions(connection, nights):
            connection.execute(f"delete from ops.{table} where {condition}")
            fault_point("gc:inside-compaction")
        connection.execute("commit")
        connection.execute("checkpoint")


def _free_share(file: Path) -> float:
    with duckdb.connect(str(file), read_only=True) as connection:
        total, free = connection.execute(
            "select total_blocks, free_blocks from pragma_database_size() where database_name = current_database()"
        ).fetchone()
    return free / total if total else 0.0


def _vacuum(file: Path, above: float | str) -> int:
    """The same tables in a new file, compared, in the place of the old one; the bytes that became free.

    ``file`` is the old one until the new one is whole: one rename.
    """
    new = file.with_name(NEW)
    for left in (new, new.with_name(f"{NEW}.wal")):
        left.unlink(missing_ok=True)
    share = _free_share(file)
    if above == FOREVER or share < float(above):
        return 0
    before = file.stat().st_size
    try:
        with duckdb.connect(str(file), config=settings()) as connection:
            connection.execute(f"attach '{str(new).replace(chr(39), chr(39) * 2)}' as made (storage_version 'latest')")
            fault_point("gc:before-copy")
            connection.execute(f"copy from database {file.stem} to made")
            _compare(connection, file.stem)
            connection.execute("checkpoint made")
            connection.execute("detach made")
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        new.unlink(missing_ok=True)
        raise Stop(f"the warehouse could not be written anew: {error}; it is as it was", STOPPED) from error
    sync(new)
    fault_point("gc:before-swap")
    new.replace(file)
    sync(file.parent)
    fault_point("gc:after-swap")
    after = file.stat().st_size
    say("gc", f"{file.relative_to(home())}: {size(before)} → {size(after)}, {share:.0%} of it was free")
    return before - after


def _compare(connection: duckdb.DuckDBPyConnection, old: str) -> None:
    """Stop unless every table of the new file holds the rows of the old one."""
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ?", [old]
    ).fetchall()
    for schema, table in tables:
        hashes = [
            connection.execute(
                f'select count(*), coalesce(sum(hash(rows)::hugeint), 0) from {catalog}."{schema}"."{table}" as rows'
            ).fetchone()
            for catalog in (old, "made")
        ]
        if hashes[0] != hashes[1]:
            warn("gc", f"{schema}.{table}: {count(hashes[0][0], 'row')} became {hashes[1][0]:,}")
            raise Stop(f"the copy of {schema}.{table} is not the same; the warehouse is as it was", STOPPED)
