"""``publish`` and ``rollback``: what passed its tests goes to readers, all of a night by the swap of one link.

A run's folder ``published/<run>/`` holds one DuckDB file an audience, event-level facts as Parquet by day, the site,
and ``_published.json``, which says what everything is, as hashes. It is made under a hidden name, read back, compared
with the ledger, put on the disk, renamed into place, and only then does ``published/current`` point at it.
"""

from __future__ import annotations

import filecmp
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import duckdb

from scripts.build import REPORT
from scripts.console import DONE, FAILED, STOPPED, USAGE, Stop, count, duration, progress, say, size, warn
from scripts.faults import fault_point
from scripts.few_people import cover_sums, decided, shown
from scripts.files import files_below, point_link, read_json, remove_folder, replace_json, sync
from scripts.home import folder
from scripts.lock import night_lock
from scripts.published import (
    CURRENT,
    EVERYBODY,
    FILES,
    HEALTH,
    HEALTH_COLUMNS,
    RECORD,
    ROLLED_BACK,
    TOGETHER,
    Domain,
    Mart,
    Published,
    current_folder,
    published_runs,
)
from scripts.retention import runs_to_keep
from scripts.warehouse import HAS_ROWS, NEWEST_CHECKS, recorded_hashes, rows_hash, settings, warehouse

MAKING = ".making-"
# The file format of what is published: one that readers with an older DuckDB can open, too.
PUBLISHED_FORMAT = "v1.0.0"
# What the record says of any mart, published or not.
NAMED = ("name", "schema", "domain", "owner", "publish", "day")

# So many tables are copied at once: most are small, and one thread of the engine copies a small one.
AT_ONCE = 2

# The rows of each mart whose hashes are all by this version of the engine; another's say nothing to this one.
OWN_ROWS = f"""
    select relation, sum(row_count)
    from ops.fresh
    where {HAS_ROWS}
    group by relation
    having bool_and(sequence >= (select max(since) from ops.engines))
"""

# The portable hash of each mart, as the macro content_hash_of_sums puts the sums of its days together.
CONTENTS = """
    select relation, count(*), md5(concat(max(shape), ':', cast(sum(first_sum) as decimal(38, 0)), ':',
        cast(sum(second_sum) as decimal(38, 0)), ':', cast(sum(contents.row_count) as bigint)))
    from (select distinct * from ops.contents) as contents
    inner join ops.fresh using (relation, output_hash)
    where contents.day is not distinct from fresh.day
    group by relation
"""

# That of a mart with no rows: the same sums, of nothing.
NOTHING = hashlib.md5(b":::").hexdigest()


@click.command()
@click.option(
    "--keep",
    type=click.IntRange(1),
    envvar="NIGHTSHIFT_KEEP_RUNS",
    default=runs_to_keep,
    show_default="retention.yml",
    help="How many published runs to keep; the current one always is.",
)
def publish(keep: int) -> int:
    """Show readers what passed its tests, all at once.

    A domain whose tests failed stays as its last good night left it and is marked late in operations.mart_health.
    What is written is read back and compared with the ledger before the link published/current moves. A file none
    of whose marts changed, and a day of facts that did not change, are hard links to the run before.

    \b
    Examples
      ./nightshift publish
      ./nightshift publish --keep 30

    \b
    What readers find under published/current/
      marts.duckdb      every domain, at the grain of the marts, people as pseudonyms
      finance.duckdb    finance and royalties
      business.duckdb   aggregates only
      facts/<mart>/     event-level facts, a folder of Parquet a day
      site/             documentation

    Exit code 4: a domain is late.
    """
    began = time.monotonic()
    with night_lock("publish"):
        report = read_json(folder("warehouse") / REPORT)
        if report is None or report["on"] is None:
            raise Stop("nothing has been built yet; run `./nightshift build` first", FAILED)
        clean_up()
        with warehouse() as connection:
            current = Published.read(current_folder()) if current_folder() else None
            _record_releases(connection, current)
            planned = _plan(connection, report, current)
            if current and _same(planned, current):
                say("publish", f"nothing changed since {current.run_id}")
                _remove_old(keep)
                return _tell_late(planned)
            making = folder("published") / f"{MAKING}{planned.run_id}"
            try:
                _make(connection, planned, report, making)
            except (duckdb.IOException, duckdb.OutOfMemoryException, OSError) as error:
                remove_folder(making)
                raise Stop(
                    f"published files could not be written: {error}; readers keep what they have", STOPPED
                ) from error
            fault_point("publish:before-rename")
            final = folder("published") / planned.run_id
            making.rename(final)
            sync(final.parent)
            fault_point("publish:before-link")
            point_link(folder("published") / CURRENT, planned.run_id)
            fault_point("publish:before-record")
            _record_releases(connection, planned)
            fault_point("publish:after-record")
        _tell(planned, current, final, time.monotonic() - began)
        _remove_old(keep)
    return _tell_late(planned)


@click.command()
@click.argument("run", required=False)
def rollback(run: str | None) -> int:
    """Have readers see an earlier run again: the one before the current, or the RUN named.

    Only the link moves; nothing is deleted, and the warehouse stays as it is. What backends have already picked up
    and mails that were sent cannot be taken back: they are listed. The next publication goes forward again with
    whatever is then built, so repair first (README.md: Recover from a bad night).

    \b
    Examples
      ./nightshift rollback
      ./nightshift rollback 2026-02-20-1
    """
    with night_lock("rollback"):
        runs = published_runs()
        now = Published.read(current_folder()) if current_folder() else None
        if now is None:
            raise Stop("nothing is published, so there is nothing to roll back", USAGE)
        earlier = [found for found in runs if found.number < now.number]
        wanted = (
            next((found for found in runs if found.run_id == run), None) if run else (earlier[-1] if earlier else None)
        )
        if wanted is None:
            kept = ", ".join(found.run_id for found in runs)
            raise Stop(f"there is no run {run or f'before {now.run_id}'}; kept are {kept}", USAGE)
        taken_back = [found.run_id for found in runs if wanted.number < found.number <= now.number]
        # the record first: a run that readers have seen must never be taken for a leftover of a killed publication
        known = read_json(folder("published") / ROLLED_BACK) or []
        replace_json(folder("published") / ROLLED_BACK, sorted({*known, *taken_back, now.run_id} - {wanted.run_id}))
        fault_point("rollback:before-link")
        point_link(folder("published") / CURRENT, wanted.run_id)
        fault_point("rollback:after-link")
    say("rollback", f"readers see {wanted.run_id} (the night of {wanted.night}) instead of {now.run_id}")
    for text in _beyond_recall(wanted, taken_back):
        warn("rollback", text)
    say("rollback", "the next `./nightshift publish` goes forward again")
    return DONE


def clean_up() -> None:
    """Remove what a killed publication left: folders half made, half removed, or whole but never shown."""
    root = folder("published")
    for path in root.iterdir():
        if path.name.startswith(".") and path.is_dir() and not path.is_symlink():
            remove_folder(path)
        elif path.name.startswith("."):
            path.unlink()
    here = current_folder()
    shown = here.name if here else None
    rolled_back = read_json(root / ROLLED_BACK) or []
    newest = published_runs()[-1:]
    if newest and newest[0].run_id not in [shown, *rolled_back] and newest[0].previous == shown:
        remove_folder(root / newest[0].run_id)


def _record_releases(connection: duckdb.DuckDBPyConnection, shown: Published | None) -> None:
    """Tell the ledger how far each domain has been published; again, if a killed publication could not.

    Tests look at what changed since then. A record of another warehouse (rebuilt since) says nothing about this one.
    """
    identity = str(connection.execute("select id from ops.identity").fetchone()[0])
    if shown is None or shown.identity != identity:
        return
    with _one_transaction(connection):
        for domain in shown.domains.values():
            if domain.sequence is not None and domain.late_since is None:
                connection.execute(
                    "insert into ops.releases select $domain, $sequence, $run, current_timestamp::timestamp "
                    "where not exists (select 1 from ops.releases where domain = $domain and run_id = $run)",
                    {"domain": domain.name, "sequence": domain.sequence, "run": shown.run_id},
                )


def _plan(connection: duckdb.DuckDBPyConnection, report: dict[str, Any], current: Published | None) -> Published:
    """What the next run would show: each domain's newest version, or the one that is shown now."""
    night = report["on"]
    before = {mart.key: mart for mart in current.marts} if current else {}
    domains = _certified(connection, report, current)
    planned = Published(
        run_id=_next_run_id(night),
        number=max((run.number for run in published_runs()), default=0) + 1,
        night=night,
        previous=current.run_id if current else None,
        identity=report["identity"],
        engine=duckdb.__version__,
        marts=[],
        domains=domains,
        files={},
    )
    hashes, rows = recorded_hashes(connection), connection.execute(OWN_ROWS).fetchall()
    recorded = {name: (hashes[name], row_count) for name, row_count in rows}
    contents = content_hashes(connection)
    for mart in report["marts"]:
        if mart["publish"] == "none":
            continue
        if domains[mart["domain"]].late_since is None:
            known = recorded.get(mart["name"]), contents.get(mart["name"])
            planned.marts.append(_newest(connection, mart, before, planned.run_id, *known))
        elif f"{mart['schema']}.{mart['name']}" not in before:
            planned.marts.append(_missing(mart))
    late = {name for name, domain in domains.items() if domain.late_since}
    planned.marts += [_kept(mart, current) for mart in before.values() if mart.domain in late]
    planned.marts.sort(key=lambda mart: (mart.domain, mart.name))
    planned.files = {
        file: planned.signature(file)
        for file in FILES
        if any(m.hash and not m.is_facts for m in planned.shown_in(file))
    }
    return planned


def _certified(
    connection: duckdb.DuckDBPyConnection, report: dict[str, Any], current: Published | None
) -> dict[str, Domain]:
    """Each domain with the reason, if any, why its newest version is not shown."""
    rows = connection.execute(f"""
        with checked as {NEWEST_CHECKS},
        written as (select domain, max(sequence) as sequence from ops.ledger group by domain)
        select checked.domain, checked.ledger_sequence, checked.passed, checked.failures, coalesce(written.sequence, 0)
        from checked left join written on written.domain = checked.domain
    """).fetchall()
    checks = {domain: (sequence, passed, failures, written) for domain, sequence, passed, failures, written in rows}
    was = {name: domain for name, domain in current.domains.items()} if current else {}
    names = sorted({mart["domain"] for mart in report["marts"]} | set(was))
    reasons: dict[str, str] = {}
    for name in names:
        sequence, passed, failures, written = checks.get(name, (0, False, "its tests have not run", 0))
        if not passed:
            reasons[name] = failures
        elif written > sequence:
            reasons[name] = "it was built after its tests ran; run `./nightshift build`"
    domains = {}
    for name in names:
        unit = TOGETHER.get(name, name)
        partner = next(
            (other for other in names if other != name and TOGETHER.get(other, other) == unit and other in reasons),
            None,
        )
        reason = reasons.get(name) or (f"published together with {partner}: {reasons[partner]}" if partner else None)
        if reason is None:
            domains[name] = Domain(name, checks[name][0])
        else:
            old = was.get(name)
            since = old.late_since if old and old.late_since else report["on"]
            domains[name] = Domain(name, old.sequence if old else None, since, reason)
    return domains


def _newest(
    connection: duckdb.DuckDBPyConnection,
    mart: dict[str, Any],
    before: dict[str, Mart],
    run_id: str,
    recorded: tuple[dict[str | None, str], int] | None,
    content: tuple[int, str] | None,
) -> Mart:
    """A mart as the warehouse has it now, with the ledger's word for what is in it.

    ``recorded`` is the hashes of its days and how many rows they have; ``content`` how many days the portable hash of
    its rows is of, and that hash.
    """
    # of a view, or of rows hashed by another version of the engine, the hash is whatever it is now
    found, number = recorded or _hash_table(connection, f'"{mart["schema"]}"."{mart["name"]}"', mart["day"])
    days, portable = content or (0, NOTHING)
    described = hashlib.sha256(json.dumps([mart["description"], mart["columns"]]).encode()).hexdigest()[:16]
    old = before.get(f"{mart['schema']}.{mart['name']}")
    return Mart(
        **{key: mart[key] for key in (*NAMED, "audience", "few_people", "grain")},
        row_count=number,
        hash=(total := hash_of_days(found)),
        described=described,
        warning=mart.get("warning"),
        changed_run=old.changed_run if old and old.hash == total else run_id,
        days=found if mart["publish"] == "facts" else {},
        content_hash=portable if days == len(found) else None,
    )


def content_hashes(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, str]]:
    """Of each mart: of how many of its days a warehouse has the portable hash, and that of all of them together."""
    try:
        rows = connection.execute(CONTENTS).fetchall()
    except duckdb.CatalogException:  # an older build has made no table of them yet
        return {}
    return {name: (days, content) for name, days, content in rows}


def _kept(mart: Mart, current: Published) -> Mart:
    """A mart as readers see it now; hashed anew if another version of the engine wrote down its hash."""
    if current.engine == duckdb.__version__ or mart.hash is None or mart.is_facts:
        return mart
    file = folder("published") / current.run_id / "marts.duckdb"
    with duckdb.connect(str(file), read_only=True, config=settings()) as connection:
        return replace(mart, hash=hash_of_days(_hash_table(connection, mart.relation("marts.duckdb"), mart.day)[0]))


def _missing(mart: dict[str, Any]) -> Mart:
    """A mart of a late domain that was never published: told of in the health table, not shown."""
    return Mart(**{key: mart[key] for key in NAMED}, row_count=None, hash=None, described="")


def _same(planned: Published, current: Published) -> bool:
    facts = [[(mart.key, mart.hash) for mart in run.marts if mart.is_facts] for run in (planned, current)]
    return planned.night == current.night and planned.files == current.files and facts[0] == facts[1]


def _make(connection: duckdb.DuckDBPyConnection, planned: Published, report: dict[str, Any], making: Path) -> None:
    """Write the run's folder whole, read it back, put it on the disk."""
    making.mkdir()
    previous = folder("published") / planned.previous if planned.previous else None
    before = Published.read(previous) if previous else None
    described = {f"{mart['schema']}.{mart['name']}": mart for mart in report["marts"]}
    with ThreadPoolExecutor(1) as beside:
        waited_for = [beside.submit(_make_all_facts, connection.cursor(), planned, before, previous, making)]
        for file, signature in planned.files.items():
            old = previous / file if previous else None
            if before and before.files.get(file) == signature and old and old.exists():
                os.link(old, making / file)
                continue
            with _attached(connection, making / file, old, making / "marts.duckdb" if file != "marts.duckdb" else None):
                hidden = _fill(connection, planned, file, described)
            (making / file).chmod(0o444)
            waited_for.append(beside.submit(_check, planned, file, making / file, hidden))
            fault_point("publish:after-file")
        for made in waited_for:
            made.result()
    _make_site(previous, making)
    replace_json(
        making / RECORD, {"format": 1, **asdict(planned), "published_at": datetime.now(UTC).isoformat(" ", "seconds")}
    )
    for entry in files_below(making):
        if entry.stat().st_nlink == 1:
            sync(Path(entry.path))
    for path in sorted({Path(entry.path).parent for entry in files_below(making)} | {making}):
        sync(path)


@contextmanager
def _attached(
    connection: duckdb.DuckDBPyConnection, new: Path, old: Path | None, source: Path | None
) -> Iterator[None]:
    """The file being made as ``made``, the last one as ``shown``, the night's complete one as ``complete``.

    Beside them ``decided``, in memory: a temporary table would be of one cursor alone.
    """
    attached = {"made": (new, f" (storage_version '{PUBLISHED_FORMAT}')"), "decided": (Path(":memory:"), "")}
    if old and old.exists():
        attached["shown"] = (old, " (read_only)")
    if source and source.exists():
        attached["complete"] = (source, " (read_only)")
    try:
        for name, (path, how) in attached.items():
            connection.execute(f"attach '{_quoted(path)}' as {name}{how}")
        yield
        connection.execute("checkpoint made")
    finally:
        known = {row[0] for row in connection.execute("select database_name from duckdb_databases()").fetchall()}
        for name in attached:
            if name in known:
                connection.execute(f"detach {name}")


def _fill(
    connection: duckdb.DuckDBPyConnection, planned: Published, file: str, described: dict[str, Any]
) -> dict[str, str]:
    """Tables, their comments and the health table into the file attached as ``made``.

    Returns, for marts of which small counts are hidden, the hash of what is shown instead.
    """
    hidden: dict[str, str] = {}
    marts = [mart for mart in planned.shown_in(file) if mart.hash and not mart.is_facts]
    for schema in sorted({mart.relation(file).split(".")[0] for mart in marts} | {'"operations"'}):
        connection.execute(f"create schema if not exists made.{schema}")
    live = connection.execute("select current_database()").fetchone()[0]
    covered = _decide(connection, marts) if file == EVERYBODY else {}

    def copy(mart: Mart) -> None:
        made, is_late = f"made.{mart.relation(file)}", planned.domains[mart.domain].late_since
        source = "complete" if file != "marts.duckdb" else "shown" if is_late else live
        rows = f"select * from {source}.{mart.relation()}"
        # one transaction a mart: each column's comment by itself would be written through to the disk
        with connection.cursor() as own, _one_transaction(own):
            if mart.name in covered:
                rows = covered[mart.name]
                hidden[mart.key] = hash_of_days(_hash_table(own, f"({rows})", mart.day)[0])
            own.execute(f"create table {made} as {rows}")
            if is_late:
                _copy_comments(own, source, mart, made)
            else:
                about = described[mart.key]
                _comment(own, made, about["description"], about["columns"])

    with ThreadPoolExecutor(AT_ONCE) as copying:
        for _ in progress(copying.map(copy, marts), f"publish {file}", total=len(marts)):
            pass
    with _one_transaction(connection):
        _make_health(connection, planned, file)
    return hidden


def _decide(connection: duckdb.DuckDBPyConnection, marts: list[Mart]) -> dict[str, str]:
    """For each mart with small counts, by name, a query with what everybody may see of its rows."""
    with_few = [mart for mart in marts if mart.few_people]
    tables = {mart.name: f'decided.main."{mart.name}"' for mart in with_few}

    def decide(mart: Mart) -> str:
        source = f"complete.{mart.relation()}"
        with connection.cursor() as own:
            columns = [row[0] for row in own.execute(f"describe {source}").fetchall()]
            own.execute(f"create table {tables[mart.name]} as {decided(source, columns, mart.few_people)}")
        return shown(tables[mart.name], columns, mart.few_people)

    with ThreadPoolExecutor(AT_ONCE) as deciding:
        queries = dict(zip(tables, deciding.map(decide, with_few), strict=True))
    rules = {mart.name: mart.few_people for mart in with_few}
    cover_sums(connection, rules, tables)
    return queries


@contextmanager
def _one_transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _copy_comments(connection: duckdb.DuckDBPyConnection, source: str, mart: Mart, made: str) -> None:
    """A table taken from another published file keeps the words it has there."""
    where, keys = "database_name = ? and schema_name = ? and table_name = ?", [source, mart.schema, mart.name]
    description = connection.execute(f"select comment from duckdb_tables() where {where}", keys).fetchone()[0]
    columns = connection.execute(f"select column_name, comment from duckdb_columns() where {where}", keys).fetchall()
    texts = {column: comment or "" for column, comment in columns}
    _comment(connection, made, description or "", texts)


def _quoted(text: object) -> str:
    """The inside of a SQL string literal."""
    return str(text).replace("'", "''")


def _comment(connection: duckdb.DuckDBPyConnection, table: str, description: str, columns: dict[str, str]) -> None:
    """What the YAML says about a table and its columns, where BI tools look for it."""
    if description:
        connection.execute(f"comment on table {table} is '{_quoted(description)}'")
    known = {row[0] for row in connection.execute(f"select column_name from (describe {table})").fetchall()}
    for column, text in columns.items():
        if text and column in known:
            connection.execute(f"comment on column {table}.\"{column}\" is '{_quoted(text)}'")


def _make_health(connection: duckdb.DuckDBPyConnection, planned: Published, file: str) -> None:
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in HEALTH_COLUMNS.items())
    connection.execute(f"create table made.{HEALTH} ({columns})")
    for mart in planned.shown_in(file):
        *head, is_late, late_since, reason, warning = planned.health(mart)
        values = [*head, planned.night, is_late, late_since, reason, warning]
        connection.execute(f"insert into made.{HEALTH} values ({', '.join('?' * len(values))})", values)
    words = {name: text for name, (_, text) in HEALTH_COLUMNS.items()}
    _comment(
        connection,
        f"made.{HEALTH}",
        "One row per mart told of in this file: how many rows, how old, whether it is late and why.",
        words,
    )


def _check(planned: Published, file: str, path: Path, hidden: dict[str, str]) -> None:
    """Open the file as a reader would and compare every table with what the ledger, or the last record, says of it."""
    with duckdb.connect(str(path), read_only=True, config=settings()) as connection:
        for mart in planned.shown_in(file):
            if mart.hash and not mart.is_facts:
                found, _ = _hash_table(connection, mart.relation(file), mart.day)
                _compare(mart.key, file, hash_of_days(found), hidden.get(mart.key, mart.hash))


def _compare(what: str, where: str, found: str, expected: str) -> None:
    if found != expected:
        raise Stop(
            f"{what} read back from {where} is not what the ledger says ({found[:8]} instead of {expected[:8]}); "
            "nothing was published. Was the warehouse changed by hand? `./nightshift build --full-tests` tells more",
            FAILED,
        )


def _hash_table(
    connection: duckdb.DuckDBPyConnection, relation: str, day: str | None
) -> tuple[dict[str | None, str], int]:
    """Hashes by day, by the ledger's formula, and the number of rows; a relation without days has one hash, of None."""
    columns = connection.execute(f"select column_name, column_type from (describe from {relation})").fetchall()
    key = f'cast("{day}" as varchar)' if day else "cast(null as varchar)"
    rows = connection.execute(f"select {key}, {rows_hash(columns)}, count(*) from {relation} group by all").fetchall()
    if not rows and day is None:
        rows = connection.execute(f"select null, {rows_hash(columns)}, 0 from {relation}").fetchall()
    return {row[0]: row[1] for row in rows}, sum(row[2] for row in rows)


def hash_of_days(days: dict[str | None, str]) -> str:
    """One hash of a mart from the hashes of its days."""
    return hashlib.md5(",".join(f"{day}:{output}" for day, output in sorted(days.items())).encode()).hexdigest()


def _make_all_facts(
    connection: duckdb.DuckDBPyConnection,
    planned: Published,
    before: Published | None,
    previous: Path | None,
    making: Path,
) -> None:
    for mart in planned.marts:
        if mart.is_facts and mart.hash:
            _make_facts(connection, planned, mart, before, previous, making)


def _make_facts(
    connection: duckdb.DuckDBPyConnection,
    planned: Published,
    mart: Mart,
    before: Published | None,
    previous: Path | None,
    making: Path,
) -> None:
    """A folder of Parquet a day; days that came out the same are links to the run before."""
    old = next((other for other in before.marts if other.key == mart.key), None) if before else None
    relation, place = mart.relation(), f"facts/{mart.name}"
    (making / place).mkdir(parents=True)
    for day, output in progress(mart.days.items(), f"publish {place}", total=len(mart.days)):
        part = f"{place}/{mart.day}={day}/part-0.parquet"
        (making / part).parent.mkdir()
        if old and previous and old.days.get(day) == output and (previous / part).exists():
            os.link(previous / part, making / part)
            continue
        connection.execute(
            f"copy (select * from {relation} where \"{mart.day}\" = date '{day}') "
            f"to '{_quoted(making / part)}' (format parquet, compression zstd)"
        )
        found, _ = _hash_table(connection, f"read_parquet('{_quoted(making / part)}', hive_partitioning = false)", None)
        _compare(f"{mart.key} of {day}", part, found[None], output)
        (making / part).chmod(0o444)
    fault_point("publish:after-facts")


def _make_site(previous: Path | None, making: Path) -> None:
    """The pages there are, as they are now; unchanged ones as links."""
    source = folder("site")
    for entry in files_below(source):
        name = Path(entry.path).relative_to(source)
        target = making / "site" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        old = previous / "site" / name if previous else None
        if old and old.exists() and filecmp.cmp(entry.path, old, shallow=False):
            os.link(old, target)
        else:
            shutil.copyfile(entry.path, target)
            target.chmod(0o444)


def _next_run_id(night: str) -> str:
    """The night and how many-eth publication of it this is; no clock has a say in it."""
    taken = [run.run_id for run in published_runs()] + (read_json(folder("published") / ROLLED_BACK) or [])
    numbers = [int(found[1]) for run in taken if (found := re.fullmatch(rf"{night}-(\d+)", run))]
    return f"{night}-{max(numbers, default=0) + 1}"


def _remove_old(keep: int) -> None:
    """Drop the oldest runs beyond ``keep``, never the one that is shown."""
    here = current_folder()
    for run in published_runs()[:-keep]:
        if here is None or run.run_id != here.name:
            fault_point("publish:before-remove")
            remove_folder(folder("published") / run.run_id)


def _beyond_recall(wanted: Published, taken_back: Iterable[str]) -> Iterator[str]:
    """What went out with the runs taken back and stays out."""
    for run_id in taken_back:
        for export in sorted(folder("exports").glob(f"*/{run_id}*")):
            if export.name == run_id or export.name.startswith(f"{run_id}-"):
                yield f"not taken back: export {export.parent.name} of {run_id}; a backend may have picked it up"
    for kind, words in (
        ("sends", "mails sent"),
        ("journal_batches", "journal batches posted"),
        ("closed_months", "months closed"),
        ("statements", "statements issued"),
        ("recommendations_served", "recommendations handed over"),
        ("decisions", "payments decided"),
    ):
        days = [day for day in folder("landing").glob(f"nightshift/{kind}/dt=*") if day.name[3:] > wanted.night]
        if days:
            yield f"not taken back: {words} after {wanted.night} ({count(len(days), 'day')}); correct by new entries"


def _tell(planned: Published, before: Published | None, final: Path, seconds: float) -> None:
    changed = [mart for mart in planned.marts if mart.changed_run == planned.run_id]
    written = [entry.stat() for entry in files_below(final)]
    new = sum(stat.st_size for stat in written if stat.st_nlink == 1)
    linked = sum(stat.st_size for stat in written if stat.st_nlink > 1)
    say(
        "publish",
        f"{planned.run_id}: {count(len(changed), 'mart')} changed of {len(planned.marts)}, "
        f"{size(new)} written, {size(linked)} unchanged (links), {duration(seconds)}",
    )
    for file, signature in planned.files.items():
        tables = count(sum(bool(mart.hash and not mart.is_facts) for mart in planned.shown_in(file)), "mart")
        say("publish", f"  {file}: {tables}{', unchanged' if before and before.files.get(file) == signature else ''}")
    say("publish", f"readers see it under {folder('published') / CURRENT}")


def _tell_late(planned: Published) -> int:
    late = [domain for domain in planned.domains.values() if domain.late_since]
    for domain in late:
        shown = (
            "its last good version is shown" if domain.sequence is not None else "nothing of it has been published yet"
        )
        warn("publish", f"{domain.name} is late since {domain.late_since} ({shown}): {domain.reason[:300]}")
    return FAILED if late else DONE
