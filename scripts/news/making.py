"""An hour's steps: the newsroom's files in, dbt over its models, the editions out and on record.

Apart from the command, which starts dbt before it imports this: dbt's imports and these take about as long.
"""

from __future__ import annotations

import hashlib
import shutil
from datetime import datetime
from itertools import groupby
from pathlib import Path
from subprocess import Popen
from typing import Any

from scripts import fingerprint
from scripts.build import UNIT_TESTS, prepare
from scripts.console import LOCKED, USAGE, Stop, count, say, warn
from scripts.dbt_process import Result, run_dbt
from scripts.faults import fault_point
from scripts.files import files_below, point_link, read_json, remove_folder, replace_json, sync
from scripts.home import folder
from scripts.land import commit, land_all, landing_lock
from scripts.news.pages import content_hash, edition_files
from scripts.news.project import BACKENDS, own_home
from scripts.published import CURRENT, MAKING
from scripts.warehouse import first_rows, warehouse

RECORD = "_edition.json"
UNRECORDED = "unrecorded"  # editions that were shown and are not in the landing yet
KEEP_HOURS = 48
FEW_ROWS = 5  # of those that a failed test found, told at once
PATIENCE = 5.0  # seconds to wait for a night that holds the landing


def land_newsroom(at: datetime | None) -> bool:
    """Land the newsroom's files; True if some were refused. While a night lands, what has landed must do."""
    try:
        with landing_lock("hour", PATIENCE):
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


def newest_hour() -> datetime:
    """The newest hour of which the newsroom shipped anything."""
    places = [folder("landing") / backend for backend in BACKENDS]
    for day in sorted({day.name for place in places for day in place.glob("*/dt=*")}, reverse=True):
        manifests = (path for place in places for path in place.glob(f"*/{day}/*/_manifest.json"))
        slots = [(read_json(path) or {}).get("slot", "") for path in manifests]
        if hours := [datetime.strptime(slot, "%Y-%m-%dT%H") for slot in slots if "T" in slot]:
            return max(hours)
    raise Stop("the newsroom has shipped nothing yet: its folders are inbox/newsroom/<day>/T<hour>/", USAGE)


def build(wanted: datetime, lock: int, dbt: Popen[str]) -> bool:
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
            if result.status == "fail" and result.compiled:
                with warehouse(read_only=True) as connection:
                    names, found = first_rows(connection, result.compiled, FEW_ROWS)
                for row in found:
                    warn("hour", "  " + ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True)))
        if run.exit_code == 0 and not is_known_good:
            replace_json(folder("warehouse") / UNIT_TESTS, {"passed": definitions})
        if run.exit_code == 0:
            say("hour", _built(run.results))
    return run.exit_code == 0


def _built(results: list[Result]) -> str:
    tests = sum(result.node.startswith(("test.", "unit_test.")) for result in results)
    models = sum(result.node.startswith("model.") for result in results)
    return f"{count(models, 'model')} built, {count(tests, 'test')} passed"


def headlines() -> list[dict[str, Any]]:
    """The rows of all editions, in order."""
    with own_home(), warehouse(read_only=True) as connection:
        found = connection.execute("select * from news.headlines_now order by edition, rank")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def publish(wanted: datetime, rows: list[dict[str, Any]]) -> Path:
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


def put_on_record(wanted: datetime, rows: list[dict[str, Any]], final: Path) -> None:
    """Put on record what readers were told, and up to where the ledger has been tested and shown.

    Readers have their headlines by now, so nobody waits for a night that is landing: the next hour catches up.
    """
    lines = []
    for _, group in groupby(rows, key=lambda row: row["edition"]):
        of_edition = list(group)
        shown = [{name: str(value) for name, value in row.items()} for row in of_edition]
        hashed = content_hash(shown)
        for row in of_edition:
            names = (
                "edition", "rank", "story_id", "article_id", "title", "url", "outlet", "section", "outlets",
                "reason_text",
            )  # fmt: skip
            told = {"score": str(row["score"]), "published_at": str(wanted), "content_hash": hashed}
            lines.append({name: row[name] for name in names} | told)
    with own_home():
        place = folder(UNRECORDED)
        replace_json(place / f"{final.name}.json", lines)
        with warehouse() as connection:
            connection.execute(
                "insert into ops.releases select domain, max(sequence), $hour, current_timestamp::timestamp "
                "from ops.ledger group by domain "
                "having (domain, max(sequence), $hour) not in (select domain, sequence, run_id from ops.releases)",
                {"hour": f"{wanted:%Y-%m-%dT%H}"},
            )
    fault_point("hour:before-record")
    for path in sorted(place.glob("*.json")):
        hour = datetime.strptime(path.name[:13], "%Y-%m-%dT%H")
        try:
            commit("editions", read_json(path), hour.date(), hour.hour, PATIENCE)
        except Stop as stop:
            if stop.code != LOCKED:
                raise
            warn("hour", "a night is landing; these headlines are put on record with the next hour's")
            return
        path.unlink()


def remove_old() -> None:
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
