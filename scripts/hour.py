"""``hour``: the newsroom's files of the hour in, stories and ranks made, tested and published, beside the night."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import groupby
from pathlib import Path
from subprocess import Popen
from typing import Any

import click

from scripts import fingerprint
from scripts.build import UNIT_TESTS, prepare
from scripts.console import DONE, FAILED, LOCKED, REFUSED, USAGE, Stop, count, duration, say, warn
from scripts.dbt_process import Result, dbt_ahead, run_dbt
from scripts.faults import fault_point
from scripts.files import files_below, point_link, read_json, remove_folder, replace_json, sync
from scripts.home import at_home, folder, home
from scripts.land import commit, land_all, landing_lock
from scripts.landed import dumps
from scripts.lock import night_lock
from scripts.news.pages import content_hash, edition_files
from scripts.news.project import BACKENDS, own_project
from scripts.published import CURRENT, MAKING
from scripts.warehouse import warehouse

RECORD = "_edition.json"
KEEP_HOURS = 48
PATIENCE = {"hour": 600.0, "landing": 5.0}


@click.command()
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d %H:%M"]),
    help="The hour (UTC) of the headlines; what happened after its end stays hidden. Default: the newest there is.",
)
def hour(at: datetime | None) -> int:
    """Headlines of the hour: land what the newsroom shipped, find stories, rank them, test, publish.

    It has a warehouse, a target folder and a lock of its own (hourly/ under NIGHTSHIFT_HOME), so a night may run
    meanwhile. The hour of 14:00 is made of everything that happened before 15:00. An hour that was missed is made up
    for by the next; one run twice, or after a file that came late, gives what it would have given with everything in
    time. When an hour is made again that is older than what readers see, they go on seeing the newest.

    Readers find published/hourly/current: a page, an Atom feed and JSON for each edition, and headlines.parquet. Each
    edition is put on record in the landing, from where the night reads it (news.fct_headlines).

    \b
    Examples
      ./nightshift hour                          from cron, a few minutes past the hour
      ./nightshift hour --at 2026-03-01T14:00Z   the hour that began at 14:00

    Exit code 1: some files were refused, the headlines are made of the others; 4: a test failed, the last good
    headlines stay.
    """
    began = time.monotonic()
    # The next hour waits for this one, because it would find less done if it went away.
    with night_lock("hour", "hour", PATIENCE["hour"]) as lock, _dbt_ahead(lock) as dbt:
        refused = _land(at)
        wanted = at.replace(minute=0, second=0) if at else _newest_hour()
        fault_point("hour:after-land")
        if not _build(wanted, lock, dbt):
            return FAILED
        fault_point("hour:after-build")
        rows = _headlines()
        final = _publish(wanted, rows)
        fault_point("hour:before-commit")
        _commit(wanted, rows)
        fault_point("hour:after-commit")
        _remove_old()
    editions = count(len({row["edition"] for row in rows}), "edition")
    say("hour", f"{wanted:%Y-%m-%dT%H:00Z}: {editions}, {final.name} ({duration(time.monotonic() - began)})")
    return REFUSED if refused else DONE


def _land(at: datetime | None) -> bool:
    """Land the newsroom's files; True if some were refused. While a night lands, what has landed must do."""
    try:
        with landing_lock("hour", PATIENCE["landing"]):
            report = land_all(at.date() if at else None, BACKENDS)
    except Stop as stop:
        if stop.code != LOCKED:
            raise
        warn("hour", "a night is landing; what comes in meanwhile is for the next hour")
        return False
    for label, why in report.refused:
        warn("hour", f"refused {label}: {why}")
    say("hour", f"{count(len(report.landed), 'dump')}, {count(report.rows, 'row')} landed")
    return bool(report.refused)


def _newest_hour() -> datetime:
    """The newest hour of which the newsroom shipped anything."""
    found = [dump for dump in dumps() if dump.backend in BACKENDS]
    newest = max((dump.arrived_on for dump in found), default=None)
    slots = [dump.manifest().get("slot", "") for dump in found if dump.arrived_on == newest]
    hours = [datetime.strptime(slot, "%Y-%m-%dT%H") for slot in slots if "T" in slot]
    if not hours:
        raise Stop("the newsroom has shipped nothing yet: its folders are inbox/newsroom/<day>/T<hour>/", USAGE)
    return max(hours)


@contextmanager
def own_home() -> Iterator[Path]:
    """The hour's own home: a warehouse that sees the newsroom's part of the landing and nothing else."""
    outer = home()
    inner = outer / "hourly"
    (inner / "landing").mkdir(parents=True, exist_ok=True)
    for backend in BACKENDS:
        link = inner / "landing" / backend
        if not link.is_symlink():
            (outer / "landing" / backend).mkdir(parents=True, exist_ok=True)
            point_link(link, f"../../landing/{backend}")
    with at_home(inner):
        yield inner


@contextmanager
def _dbt_ahead(lock: int) -> Iterator[Popen[str]]:
    """dbt for the hour's own project, getting ready while files land."""
    with ExitStack() as held:
        with own_home():
            dbt = held.enter_context(dbt_ahead(lock, own_project()))
        yield dbt


def _build(wanted: datetime, lock: int, dbt: Popen[str]) -> bool:
    """dbt over the newsroom's models; True if all was built and every test passed."""
    with own_home():
        with warehouse() as connection:
            prepare(connection, wanted.date())
            connection.execute(
                "create or replace table ops.edition_hour as select cast(? as timestamp) as hour", [wanted]
            )
        definitions = fingerprint.of_models()
        is_known_good = read_json(folder("warehouse") / UNIT_TESTS) == {"passed": definitions}
        left_out = ["--exclude-resource-type", "unit_test"] if is_known_good else []
        run = run_dbt(["build", "--select", "+tag:hourly", *left_out], lock, target="hour", ahead=dbt)
        for text in run.messages:
            warn("hour", text)
        bad = [result for result in run.results if result.is_bad]
        for result in bad:
            warn("hour", f"{result.name}: {result.message}")
        if run.exit_code == 0 and not is_known_good:
            replace_json(folder("warehouse") / UNIT_TESTS, {"passed": definitions})
        if run.exit_code == 0:
            say("hour", _built(run.results))
    return run.exit_code == 0


def _built(results: list[Result]) -> str:
    tests = sum(result.node.startswith(("test.", "unit_test.")) for result in results)
    models = sum(result.node.startswith("model.") for result in results)
    return f"{count(models, 'model')} built, {count(tests, 'test')} passed"


def _headlines() -> list[dict[str, Any]]:
    """The rows of all editions, in order."""
    with own_home(), warehouse(read_only=True) as connection:
        found = connection.execute("select * from news.headlines_now order by edition, rank")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _publish(wanted: datetime, rows: list[dict[str, Any]]) -> Path:
    """Put the hour's files in their place, whole, and show them, unless readers see a newer hour."""
    published = folder("published") / "hourly"
    published.mkdir(exist_ok=True)
    editions = {name: list(group) for name, group in groupby(rows, key=lambda row: row["edition"])}
    files = edition_files(wanted, {"world": [], **editions})
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    final = published / f"{wanted:%Y-%m-%dT%H}-{digest.hexdigest()[:8]}"
    if not (final / RECORD).exists():
        making = published / f"{MAKING}{final.name}"
        if making.exists():
            shutil.rmtree(making)
        making.mkdir()
        for name, content in files.items():
            (making / name).write_bytes(content)
        _write_table(making / "headlines.parquet")
        hashes = {
            path.name: hashlib.sha256(Path(path.path).read_bytes()).hexdigest() for path in sorted(
                files_below(making), key=lambda entry: entry.name
            )
        }  # fmt: skip
        replace_json(making / RECORD, {"format": 1, "hour": f"{wanted:%Y-%m-%dT%H}", "sha256": hashes})
        for entry in files_below(making):
            sync(Path(entry.path))
            Path(entry.path).chmod(0o444)
        fault_point("hour:before-rename")
        making.rename(final)
        sync(published)
    fault_point("hour:before-link")
    shown = read_json(published / CURRENT / RECORD) or {"hour": ""}
    if shown["hour"] <= f"{wanted:%Y-%m-%dT%H}":
        point_link(published / CURRENT, final.name)
    else:
        say("hour", f"readers go on seeing {shown['hour']}, which is newer")
    return final


def _write_table(path: Path) -> None:
    """The same rows for programs, with the columns of news.fct_headlines."""
    with own_home(), warehouse(read_only=True) as connection:
        connection.execute(
            "copy (select edition, edition_at, cast(edition_at as date) as edition_on, rank, story_id, article_id, "
            "title, url, outlet, section, reason_text, outlets, score from news.headlines_now order by edition, rank) "
            f"to '{path}' (format parquet)"
        )


def _commit(wanted: datetime, rows: list[dict[str, Any]]) -> None:
    """Put on record what readers were told."""
    lines = []
    for _, group in groupby(rows, key=lambda row: row["edition"]):
        of_edition = list(group)
        shown = [{name: str(value) for name, value in row.items()} for row in of_edition]
        hashed = content_hash(shown)
        for row in of_edition:
            names = (
                "edition", "rank", "story_id", "article_id", "title", "url", "outlet", "section", "outlets", "score",
                "reason_text",
            )  # fmt: skip
            lines.append({**{name: row[name] for name in names}, "published_at": wanted, "content_hash": hashed})
    commit("editions", lines, wanted.date(), wanted.hour)


def _remove_old() -> None:
    """Keep the editions of the last hours."""
    published = folder("published") / "hourly"
    here = str((published / CURRENT).readlink()) if (published / CURRENT).is_symlink() else None
    kept = sorted(
        entry.name for entry in published.iterdir()
        if entry.is_dir() and not entry.is_symlink() and not entry.name.startswith(".")
    )  # fmt: skip
    for name in kept[:-KEEP_HOURS]:
        if name != here:
            remove_folder(published / name)
