"""The step ``land``: what backends shipped becomes immutable, typed, pseudonymous dumps with manifests."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import click

from scripts.backends import Backend, load_all
from scripts.console import REFUSED, USAGE, Stop, count, days, duration, progress, say, size, warn
from scripts.home import folder, home
from scripts.landing import pg_dump, postgres
from scripts.landing.inbox import Shipment, SourceFile, scan
from scripts.landing.intake import Intake
from scripts.landing.store import OutOfOrder, Store, content_id, manifest_paths
from scripts.landing.streams import Damaged
from scripts.landing.vault import Vault
from scripts.landing.verify import problems
from scripts.lock import night_lock

BATCH_BYTES = 32 << 20
BATCH_DUMPS = 250


@dataclass
class Report:
    """What a landing did."""

    landed: list[dict] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    already: int = 0

    @property
    def rows(self) -> int:
        """Rows landed."""
        return sum(m["rows"] for m in self.landed)

    @property
    def quarantined(self) -> Counter:
        """Lines in quarantine by table and reason."""
        found: Counter = Counter()
        for manifest in self.landed:
            for reason, lines in manifest["quarantined"].items():
                found[f"{manifest['backend']}.{manifest['table']}", reason] += lines
        return found


def land_all(
    on: date | None = None, only: Sequence[str] = (), inbox: Path | None = None, again: bool = False
) -> Report:
    """Land everything that arrived up to ``on`` and has not landed yet; the caller holds the lock.

    A live database is read once a day, for ``again`` once more.
    """
    folder("dev")  # DuckDB makes files, not folders: a plain `dbt build` opens its own warehouse there
    backends = load_all()
    if unknown := set(only) - set(backends):
        raise Stop(f"no backends/{sorted(unknown)[0]}.yml", USAGE)
    chosen = {name: b for name, b in backends.items() if not only or name in only}
    root = inbox or home() / "inbox"
    if inbox and not inbox.is_dir():
        raise Stop(f"no such folder: {inbox}", USAGE)
    report = Report()
    with Store() as store, _vault() as open_vault:
        found = scan(root, chosen, on)
        report.strays = [s for s in found.strays if s.partition("/")[0] not in set(backends) - set(chosen)]
        hashes = store.hash_files(found.shipments)
        new = list(_new(store, found.shipments, hashes, report))
        live = [b for b in chosen.values() if b.source.kind == "postgres"]
        if not new and not live:
            return report
        with Intake(store, open_vault, backends) as intake:
            new = _extracted(store, new, hashes, report)
            _take(intake, list(_batches(new)), hashes, report)
            for backend in live:
                _live(intake, backend, on or datetime.now(UTC).date(), again, report)
    return report


def _take(intake: Intake, batches: list[list[Shipment]], hashes: dict[Path, str], report: Report) -> None:
    """Land batches and write down what became of them."""
    for outcome in progress(intake.land(batches, hashes), "landing", len(batches), " batches"):
        report.landed += outcome.landed
        report.refused += ((shipment.label, why) for shipment, why in outcome.refused)


def _extracted(store: Store, shipments: Sequence[Shipment], hashes: dict[Path, str], report: Report) -> list[Shipment]:
    """Shipments as they are, those out of a database dump with the rows of their table taken out of it."""
    ready, dumps = [], {}
    for shipment in shipments:
        if shipment.table.source.kind != "pg_dump":
            ready.append(shipment)
        elif len(shipment.files) > 1:
            report.refused.append((shipment.label, "several database dumps for one slot; which one holds?"))
        else:
            dumps.setdefault(shipment.files[0].path, []).append(shipment)
    for number, (path, of) in enumerate(dumps.items()):
        try:
            files = pg_dump.extract(path, [s.table for s in of], store.staging / f"dump-{number}")
        except Damaged as error:
            report.refused += ((s.label, f"{path.name}: {error}") for s in of)
            continue
        for shipment in of:
            table = shipment.table
            relation = f"{table.source.schema}.{table.relation or table.name}"
            if table.name not in files:
                report.refused.append((shipment.label, f"{path.name}: has no data of {relation}"))
                continue
            rows = files[table.name]
            name = f"{shipment.files[0].name}:{relation}"
            file = SourceFile(rows, name, rows.stat().st_size, format="copy", sha256=hashes[path])
            hashes[rows] = hashes[path]
            ready.append(replace(shipment, files=(file,)))
    return ready


def _live(intake: Intake, backend: Backend, day: date, again: bool, report: Report) -> None:
    """Read a live database once a day; all of its tables appear together."""
    store = intake.store
    landed = [max((d.arrived_on for d in store.table(t)), default=None) for t in backend.tables.values()]
    if any(arrived and arrived > day for arrived in landed):
        report.notes.append(f"{backend.name}: not read, the database of today cannot be read as of {day}")
        return
    if all(arrived == day for arrived in landed) and not again:
        report.already += len(landed)
        return
    cursors = {t.name: store.last_cursor(t, day) for t in backend.tables.values() if t.cursor}
    try:
        snapshot = postgres.read(backend, day, store.staging / f"live-{backend.name}", cursors)
    except postgres.Unreadable as error:
        report.refused.append((f"{backend.name} of {day}", str(error)))
        return
    report.refused += snapshot.refused
    hashes = store.hash_files(snapshot.shipments)
    new = list(_new(store, snapshot.shipments, hashes, report))
    with intake.together():
        _take(intake, list(_batches(new)), hashes, report)


def _new(store: Store, shipments: Sequence[Shipment], hashes: Mapping[Path, str], report: Report) -> Iterator[Shipment]:
    """Shipments that have not landed."""
    for shipment in shipments:
        try:
            if store.place(shipment, content_id(shipment, hashes)) is None:
                report.already += 1
            else:
                yield shipment
        except OutOfOrder as error:
            report.refused.append((shipment.label, str(error)))


def _batches(shipments: Sequence[Shipment]) -> Iterator[list[Shipment]]:
    """Shipments of one table together, in order of arrival, small ones many at a time."""
    by_table: dict[str, list[Shipment]] = {}
    for shipment in shipments:
        by_table.setdefault(shipment.table.label, []).append(shipment)
    for label in sorted(by_table):
        batch: list[Shipment] = []
        for shipment in by_table[label]:
            alone = shipment.table.format == "parquet"  # read where it lies, so there is nothing to share
            if batch and (
                alone or len(batch) == BATCH_DUMPS or sum(s.size for s in batch) + shipment.size > BATCH_BYTES
            ):
                yield batch
                batch = []
            batch.append(shipment)
        yield batch


@contextmanager
def _vault() -> Iterator:
    """A function that opens the vault when it is needed for the first time."""
    opened: list[Vault] = []
    lock = threading.Lock()

    def open_vault() -> Vault:
        with lock:
            if not opened:
                opened.append(Vault())
        return opened[0]

    yield open_vault
    for vault in opened:
        vault.close()


def landing_lock(command: str, wait_seconds: float = 0) -> AbstractContextManager[int]:
    """One landing at a time; the hour's and the night's wait for each other rather than fail."""
    return night_lock(command, "landing", wait_seconds)


def commit(
    table: str,
    rows: Sequence[Mapping[str, object]],
    arrived_on: date,
    hour: int | None = None,
    wait_seconds: float = 600,
) -> str | None:
    """Land what Nightshift has done: rows of a commitment table, as a dump of the backend ``nightshift``.

    The same rows committed again are the same dump: nothing happens. Returns the dump's id, None without rows. Columns
    that are left out are empty; unknown ones and values of a wrong type are an error and nothing is landed.
    """
    shipment = _shipment_of(table, rows, arrived_on, hour)
    return _land_commitments([shipment], wait_seconds)[0] if rows else None


def commit_together(
    rows_of: Mapping[str, Sequence[Mapping[str, object]]], arrived_on: date, wait_seconds: float = 600
) -> None:
    """Land rows of several commitment tables as ``commit`` does, in one pass; they appear in the order given."""
    shipments = [_shipment_of(table, rows, arrived_on) for table, rows in rows_of.items() if rows]
    _land_commitments(shipments, wait_seconds)


def commit_parquet(table: str, path: Path, arrived_on: date, wait_seconds: float = 600) -> str:
    """Land a Parquet file of rows of a commitment table, for what is too much to pass as rows; the same file once."""
    spec = load_all()["nightshift"].tables[table]
    stat = path.stat()
    file = SourceFile(path, path.name, stat.st_size, stat.st_mtime_ns, format="parquet")
    return _land_commitments([Shipment(spec, arrived_on, arrived_on, f"{arrived_on}", (file,))], wait_seconds)[0]


def _shipment_of(
    table: str, rows: Sequence[Mapping[str, object]], arrived_on: date, hour: int | None = None
) -> Shipment:
    """Rows of a commitment table as a backend would ship them."""
    backends = load_all()
    spec = backends["nightshift"].tables.get(table) if "nightshift" in backends else None
    if spec is None or spec.kind != "commitment":
        raise Stop(f"nightshift.{table} is no commitment table of backends/nightshift.yml", USAGE)
    names = [c.name for c in spec.columns]
    if unknown := {key for row in rows for key in row} - set(names):
        raise Stop(f"nightshift.{table} has no column {', '.join(sorted(unknown))}", USAGE)
    lines = [json.dumps({n: _plain(row.get(n)) for n in names}, ensure_ascii=False) for row in rows]
    content = ("\n".join(lines) + "\n").encode()
    file = SourceFile(Path(f"{table}.jsonl"), f"{table}.jsonl", content=content, format="jsonl")
    slot = f"{arrived_on}" if hour is None else f"{arrived_on}T{hour:02d}"
    return Shipment(spec, arrived_on, arrived_on, slot, (file,))


def _land_commitments(shipments: Sequence[Shipment], wait_seconds: float) -> list[str]:
    """One file each as dumps of commitment tables; what is wrong with any row is an error and nothing is landed."""
    named = ", ".join(shipment.table.name for shipment in shipments)
    with landing_lock(f"commit {named}", wait_seconds), Store() as store, _vault() as open_vault:
        hashes = store.hash_files(shipments)
        with Intake(store, open_vault, load_all()) as intake, intake.together():
            for shipment in shipments:
                outcome = intake.land_batch([shipment], hashes, strict=True)
                if outcome.refused:
                    raise Stop(f"nightshift.{shipment.table.name}: {outcome.refused[0][1]}")
        return [content_id(shipment, hashes) for shipment in shipments]


def _plain(value: object) -> object:
    """A value as JSON holds it exactly: numbers, true and false as they are, the rest as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    return repr(value) if isinstance(value, float) else str(value)


@click.command()
@click.option("--backend", "only", multiple=True, help="Only this backend (may be given several times).")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="Only what arrived up to this day.")
@click.option("--inbox", type=click.Path(path_type=Path, file_okay=False), help="Where the arrival folders are.")
@click.option("--again", is_flag=True, help="Read live databases although they were read that day already.")
@click.option("--verify", is_flag=True, help="Land nothing; read every landed file and compare it with its manifest.")
@click.option("--wait", default=600.0, show_default=True, help="Seconds to wait for another landing to end.")
def land(only: tuple[str, ...], on: object, inbox: Path | None, again: bool, verify: bool, wait: float) -> None:
    """Take in what the backends shipped.

    Reads inbox/<backend>/<arrival day>/ as backends/<backend>.yml says, types every column, gives people pseudonyms
    (names and addresses go to the vault), and puts each table's files into the landing as one immutable dump with a
    manifest. What cannot be read goes to quarantine/, with file, line, column, reason and the bytes. A dump that
    cannot be trusted as a whole is refused (exit code 1) and tried again next time; the others go on.

    The same files again: nothing to do. Files that changed: a correction, which supersedes the older dump from its
    arrival on. Killed: run it again.

    \b
    Examples:
      ./nightshift land                       everything that arrived
      ./nightshift land --on 2026-02-14       as if nothing had arrived after that day
      ./nightshift land --backend billing     one backend
      ./nightshift land --verify              is every landed byte still what its manifest says?
    """
    if verify:
        return _verify()
    begun = time.monotonic()
    day = on.date() if on else None
    with landing_lock("land", wait):
        report = land_all(day, only, inbox, again)
    _print(report, time.monotonic() - begun)
    if report.refused:
        raise Stop(f"{count(len(report.refused), 'dump')} refused; what is wrong stands above", REFUSED)


def _verify() -> None:
    """Compare the landing with its manifests."""
    root = home() / "landing"
    found = list(problems(root))
    for dump, problem in found:
        warn("land", f"{dump}: {problem}")
    if found:
        raise Stop(f"{count(len(found), 'problem')}; remove the dump's folder and land again", REFUSED)
    say("land", f"{count(sum(1 for _ in manifest_paths(root)), 'dump')}, all as their manifests say")


def _print(report: Report, seconds: float) -> None:
    """What a person wants to know of a landing."""
    for note in report.notes:
        say("land", note)
    for stray in report.strays[:20]:
        warn("land", stray)
    for manifest in report.landed:
        where = f"{manifest['backend']}.{manifest['table']} of {manifest['arrived_on']}"
        for name in manifest.get("truncated", ()):
            warn("land", f"{where}: {name} is cut off; {count(manifest['rows'], 'row')} before that landed")
        for column in manifest.get("unknown_columns", ()):
            warn("land", f"{where}: column {column} is not in the contract, it was left out")
    for (table, reason), lines in sorted(report.quarantined.items()):
        say("land", f"{table}: {count(lines, 'line')} in quarantine: {reason}")
    for label, why in report.refused:
        warn("land", f"refused {label}: {why}")
    if not report.landed:
        say("land", f"nothing new ({count(report.already, 'dump')} landed before, {duration(seconds)})")
        return
    arrived = days(m["arrived_on"] for m in report.landed)
    took = f"{size(sum(m['bytes'] for m in report.landed))} in {duration(seconds)}"
    say("land", f"{arrived}: {count(len(report.landed), 'dump')}, {count(report.rows, 'row')}, {took}")
