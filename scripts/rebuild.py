"""``rebuild``: the history that ``--defer-rebuilds`` held back, made beside the warehouse, the newest days first.

It works in a home of its own (``rebuild/``, the same landing, a copy of the warehouse), so nights go on meanwhile,
under the definitions of before. The last week is built first, through all models, then the last month, and so on back
to the first day: a definition that fails fails early. Each window is an ordinary build over fewer days; what is made is
on record in the copy's ledger, so a run that was interrupted goes on where it was. In the end, under the night's lock,
what landed meanwhile is caught up with, everything is tested, and the copy takes the warehouse's place by one rename.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import click
import duckdb

from scripts import deferred
from scripts.build import REPORT, UNIT_TESTS, prepare
from scripts.console import DONE, FAILED, STOPPED, Stop, count, duration, say, warn
from scripts.dbt_process import run_dbt
from scripts.faults import fault_point
from scripts.files import read_json, remove_folder, replace_json, sync
from scripts.home import at_home, folder, home
from scripts.lock import night_lock
from scripts.scratch import copy_warehouse, point_at, share
from scripts.warehouse import settings, warehouse, warehouse_file

FOLDER = "rebuild"
PROGRESS = "progress.json"
SHARED = ("landing", "registry")
FIRST_WINDOW, WIDER = 7, 4


@click.command()
@click.option("--minutes", type=float, help="Begin no further window after so long; run it again to go on.")
@click.option("--wait", default=600.0, show_default=True, help="Seconds to wait for a running night, in the end.")
def rebuild(minutes: float | None, wait: float) -> int:
    """Make the history that `build --defer-rebuilds` held back, the newest days first, beside the warehouse.

    Nights may run meanwhile, and readers keep the old definition, whole, until all of it is made and has passed its
    tests; then it takes the warehouse's place. `./nightshift status` says how far it is. Killed or stopped by
    --minutes, run it again: what is made stays made.

    \b
    Examples
      ./nightshift rebuild
      ./nightshift rebuild --minutes 120      from cron, between nights

    Exit code 4: a model or a test of the new definitions failed; readers keep the old ones.
    """
    began = time.monotonic()
    with night_lock("rebuild", "rebuild") as lock:
        held, side = deferred.held_back(), home() / FOLDER
        if held is None:
            if side.exists():
                remove_folder(side)
            say("rebuild", "nothing is held back")
            return DONE
        done = _begin(side, held["definitions"])
        windows = list(_windows(_history(side)))
        for window in windows:
            if window <= done:
                continue
            if minutes is not None and time.monotonic() - began > minutes * 60:
                say("rebuild", f"stopped after {duration(time.monotonic() - began)}; run it again to go on")
                return DONE
            _note(side, held["definitions"], done, windows)
            if not _build_window(side, window, lock, is_first=not done):
                return FAILED
            done = window
            _note(side, held["definitions"], done, windows)
            fault_point("rebuild:after-window")
            say("rebuild", f"the last {count(window, 'day')} are made ({duration(time.monotonic() - began)})")
        with night_lock("rebuild", wait_seconds=wait):
            if not _catch_up(side):
                return FAILED
            _take_over(side)
    say("rebuild", f"the new definitions hold ({duration(time.monotonic() - began)})")
    say("rebuild", "`./nightshift publish` shows them to readers now; the next night does so anyway")
    return DONE


def progress() -> dict[str, Any] | None:
    """How far a rebuild is: ``days`` made of ``of``; None if none has begun."""
    known = read_json(home() / FOLDER / PROGRESS)
    return {"days": min(known["done"], known["windows"][-1]), "of": known["windows"][-1]} if known else None


def _begin(side: Path, definitions: str) -> int:
    """A home for the rebuild, with a copy of the warehouse; returns how many days back it is made already."""
    known = read_json(side / PROGRESS)
    if known and (side / "warehouse" / warehouse_file().name).exists():
        return known["done"] if known["definitions"] == definitions else 0
    if side.exists():
        remove_folder(side)
    share(side, SHARED)
    copy_warehouse(side)
    with at_home(side), warehouse() as connection:
        # the ledger's numbers go their own way from here: records of the other warehouse's releases say nothing of this
        connection.execute("update ops.identity set id = uuid()")
    fault_point("rebuild:copied")
    _note(side, definitions, 0, [0])
    return 0


def _note(side: Path, definitions: str, done: int, windows: list[int]) -> None:
    replace_json(side / PROGRESS, {"definitions": definitions, "done": done, "windows": windows})


def _history(side: Path) -> int:
    """Days from the first in the ledger to the newest that has landed."""
    with at_home(side), warehouse(read_only=True) as connection:
        first, last = connection.execute(
            "select (select min(day) from ops.ledger where day > date '1900-01-01'), max(on_date) from ops.horizon"
        ).fetchone()
    return (last - first).days + 1 if first else 1


def _windows(history: int) -> Iterator[int]:
    """Days back from the newest, ever wider, up to all there are."""
    window = FIRST_WINDOW
    while window < history:
        yield window
        window *= WIDER
    yield history


def _build_window(side: Path, days: int, lock: int, is_first: bool) -> bool:
    """The models over the last days, their data untested; true if all could be built. Unit tests come first of all."""
    on = _night()
    with at_home(side):
        with warehouse() as connection:
            prepare(connection, on)
        left_out = ["test"] if is_first else ["test", "unit_test"]
        run = run_dbt(["build", "--exclude-resource-type", *left_out], lock, {"NIGHTSHIFT_DAYS": str(days)})
    for text in [*run.messages, *(f"{result.name}: {result.message}" for result in run.results if result.is_bad)]:
        warn("rebuild", text)
    if run.exit_code:
        warn("rebuild", "readers keep the definitions of before; repair the new ones and run it again")
    return run.exit_code == 0


def _night() -> date | None:
    """The day the warehouse was last built for."""
    report = read_json(folder("warehouse") / REPORT) or {}
    return date.fromisoformat(report["on"]) if report.get("on") else None


def _catch_up(side: Path) -> bool:
    """What landed meanwhile, all of history, every test; true if all passed. The night's lock is held."""
    on = _night()
    with at_home(side):
        done = subprocess.run(
            [sys.executable, "-m", "scripts.nightshift", "build", *(["--on", str(on)] if on else [])], check=False
        )
    if done.returncode < 0:
        raise Stop(f"the last build was killed by signal {-done.returncode}; run it again", STOPPED)
    if done.returncode not in (DONE, FAILED):
        raise Stop(f"the last build ended with exit code {done.returncode}; run it again", done.returncode)
    if done.returncode:
        warn("rebuild", "the new definitions did not pass: readers keep those of before; repair, then run it again")
    return done.returncode == DONE


def _take_over(side: Path) -> None:
    """The copy in the warehouse's place, with what was reported of it; then nothing is held back any more."""
    new = side / "warehouse" / warehouse_file().name
    point_at(new, side, home())
    _move_views(new, side)
    with warehouse() as connection:
        connection.execute("checkpoint")  # or the old file's log would be taken for one of the new
    sync(new)
    fault_point("rebuild:before-swap")
    new.replace(warehouse_file())
    sync(warehouse_file().parent)
    fault_point("rebuild:after-swap")
    for name in (REPORT, UNIT_TESTS):
        if (said := read_json(side / "warehouse" / name)) is not None:
            replace_json(folder("warehouse") / name, said)
    deferred.keep()
    fault_point("rebuild:before-forgetting")
    remove_folder(side)


def _move_views(file: Path, side: Path) -> None:
    """The views over landed files, by the home's paths: steps read them before the next build makes them again."""
    with duckdb.connect(str(file), config=settings()) as connection:
        views = connection.execute(
            "select sql from duckdb_views() where schema_name = 'landing' and database_name = current_database()"
        ).fetchall()
        for (sql,) in views:
            moved = sql.replace(f"'{side}/", f"'{home()}/")
            connection.execute(moved.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
