"""``correct``: a dump that was wrong is replaced, after a look at what that touches."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from scripts.backends import Table, load_all
from scripts.books import closed_months
from scripts.build import REPORT, print_models
from scripts.comparing.telling import as_text
from scripts.console import DONE, FAILED, REFUSED, USAGE, Stop, count, days, say, warn
from scripts.faults import fault_point
from scripts.files import read_json, remove_folder, sync
from scripts.home import at_home, folder, home
from scripts.landed import dumps, newest_arrival
from scripts.landing.inbox import TOTALS
from scripts.lock import night_lock
from scripts.preview import UNTESTED, differences_from
from scripts.scratch import copy_warehouse, json_said, scratch_home, step
from scripts.warehouse import get_day, warehouse

BOOKS = ("finance", "royalties")


@dataclass(frozen=True)
class Correction:
    """Files that are to take the place of what landed of a table about a day."""

    table: Table
    about: date
    hour: str | None
    arrives: date
    files: tuple[Path, ...]

    @property
    def place(self) -> Path:
        """The folder in an inbox where they belong: one of their own, so that they come whole or not at all."""
        slot = Path(f"for-{self.about}") / (self.hour or "")
        return Path(self.table.backend) / str(self.arrives) / slot / f"{self.table.name}-corrected"

    @property
    def slot(self) -> str:
        """What the landing calls the day (and hour) it is about."""
        return f"{self.about}{self.hour or ''}"


@click.command()
@click.argument("table")
@click.argument("day")
@click.option(
    "--file",
    "files",
    required=True,
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The right dump, whole, named as the backend names it (may be given several times).",
)
@click.option(
    "--arrives",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Arrival day of the correction.  [the newest there is, or the one after it]",
)
@click.option("--diff", is_flag=True, help="Preview also how the rows of every mart would differ.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option("--preview", "only_preview", is_flag=True, help="Show what it would touch, and stop there.")
def correct(
    table: str, day: str, files: tuple[Path, ...], arrives: datetime | None, diff: bool, yes: bool, only_preview: bool
) -> int:
    """Replace what landed of BACKEND.TABLE about a DAY by what is right.

    First a preview, from the very queries that the build uses: the files are landed in a copy, and the days and models
    that would be made anew are listed, with the readers and closed months they are part of. Then they go into the inbox
    as a correction (for-DAY/), land, and the days they touched are built. The wrong dump is kept, superseded from the
    arrival of the right one on; what was published before stays as it was published.

    What is closed stays closed: in a closed month nothing that was posted or issued changes. The difference is due in
    the first open one, as a reversal and a new entry, or an adjustment on the next statement, which name their cause.

    DAY is the day the dump is about (YYYY-MM-DD; of an hourly table YYYY-MM-DDTHH), which is its arrival day unless it
    came under for-…/. A dump that arrived on the newest day is corrected by one of the day after: the next night
    builds it.

    \b
    Examples
      ./nightshift correct billing.invoices 2026-02-10 --file invoices.csv.gz --preview
      ./nightshift correct billing.invoices 2026-02-10 --file invoices.csv.gz --preview --diff
      ./nightshift correct billing.invoices 2026-02-10 --file invoices.csv.gz --yes

    Exit code 1: a file was refused, or you said no; 4: a model or a test failed.
    """
    wanted = _correction(table, day, files, arrives.date() if arrives else None)
    planned = _preview(wanted, diff)
    if only_preview:
        return DONE
    if planned is None:
        return _go_on(wanted)
    if not yes and not click.confirm("Land it, and build what it touches?"):
        return REFUSED
    return _carry_out(wanted, {entry["model"] for entry in planned})


def _correction(label: str, day: str, files: tuple[Path, ...], arrives: date | None) -> Correction:
    """What was asked for, if it can be done."""
    backend_name, _, table_name = label.partition(".")
    backend = load_all().get(backend_name)
    table = backend.tables.get(table_name) if backend else None
    if table is None or table.kind == "commitment":
        raise Stop(f"there is no landed table {label}; ./nightshift status lists them", USAGE)
    if table.source.kind != "files":
        raise Stop(f"{label} is read from a database: correct it there, then ./nightshift land --again", USAGE)
    claims = [pattern for name, pattern in backend.patterns if name == table_name]
    for file in files:
        if file.name != TOTALS and not any(claim.fullmatch(file.name) for claim in claims):
            raise Stop(f"{file.name}: a file of {label} is called {table.files}", USAGE)
    try:
        about, hour = date.fromisoformat(day[:10]), day[10:] or None
    except ValueError:
        raise Stop(f"{day} is no day; say YYYY-MM-DD", USAGE) from None
    slot = f"{about}{hour or ''}"
    of_slot = _arrivals(table, slot)
    if not of_slot:
        raise Stop(f"nothing of {label} about {slot} has landed, so there is nothing to correct", USAGE)
    newest = newest_arrival()
    if arrives is None:
        arrives = newest if max(of_slot) < str(newest) else newest + timedelta(days=1)
    if str(arrives) < max(of_slot) or (str(arrives) == max(of_slot) and about == arrives):
        raise Stop(f"it must arrive after what it corrects, which arrived on {max(of_slot)}", USAGE)
    found = Correction(table, about, hour, arrives, files)
    there = home() / "inbox" / found.place
    others = [
        path.name
        for path in there.parent.rglob("*")
        if path.is_file()
        and path.parent not in (there, _making(there))
        and any(claim.fullmatch(path.name) for claim in claims)
    ]
    if others:
        raise Stop(f"{there.parent} already holds {', '.join(others)}: say a later --arrives", USAGE)
    return found


def _arrivals(table: Table, slot: str) -> list[str]:
    """The days on which something of a table about a day (or hour) arrived."""
    return [
        dump.arrived_on
        for dump in dumps()
        if (dump.backend, dump.table) == (table.backend, table.name) and dump.manifest().get("slot") == slot
    ]


def _making(place: Path) -> Path:
    """Where files lie until all of them are there, beside the place they are for."""
    return place.with_name(f".{place.name}.new")


def _preview(wanted: Correction, diff: bool) -> list[dict[str, Any]] | None:
    """Land it in a copy and ask what that makes stale; None if it is what has landed already."""
    on = ["--on", str(max(wanted.arrives, newest_arrival()))]
    with scratch_home("correct") as root:
        sequence = copy_warehouse(root)
        _copy_vault(root)
        _overlay(wanted.table, root)
        _ship(wanted, root / "inbox")
        with at_home(root):
            new = _land(wanted)
            if new is None:
                return None
            planned = _plan(on)
            if diff and step(["build", *on, *UNTESTED])[0]:
                warn("correct", "with it a model cannot be built; ./nightshift status tells more once it is landed")
                diff = False
        _say_dumps(wanted, new)
        _say_plan(wanted, planned)
        if diff:
            for text in as_text(differences_from(root, sequence)):
                print(text, flush=True)
    return planned["models"]


def _copy_vault(root: Path) -> None:
    """People the file brings in get their pseudonyms in a copy of the vault, which goes with the rest."""
    copy = root / "vault"
    copy.mkdir(mode=0o700)
    for file in folder("vault").glob("*.key"):
        shutil.copy2(file, copy)
    there = folder("vault") / "vault.sqlite"
    if there.exists():
        (copy / there.name).touch(mode=0o600)
        with closing(sqlite3.connect(there)) as source, closing(sqlite3.connect(copy / there.name)) as target:
            source.backup(target)


def _overlay(table: Table, root: Path) -> None:
    """A landing that shows what there is and takes in more of one table without anybody else seeing it."""
    real, overlay = folder("landing"), root / "landing"
    overlay.unlink()
    overlay.mkdir()
    _link_all(real, overlay, table.backend)
    _link_all(real / table.backend, overlay / table.backend, table.name)
    for day in (real / table.backend / table.name).iterdir():
        if day.is_dir():
            _link_all(day, overlay / table.backend / table.name / day.name, None)


def _link_all(real: Path, overlay: Path, without: str | None) -> None:
    overlay.mkdir(exist_ok=True)
    for entry in real.iterdir():
        if entry.name == without:
            (overlay / entry.name).mkdir()
        elif entry.is_dir() and not entry.name.startswith("."):
            (overlay / entry.name).symlink_to(entry)


def _ship(wanted: Correction, inbox: Path) -> None:
    """Put the files into an inbox, all under their names or none."""
    target = inbox / wanted.place
    making = _making(target)
    if making.exists():
        shutil.rmtree(making)
    making.mkdir(parents=True)
    for file in wanted.files:
        shutil.copyfile(file, making / file.name)
        sync(making / file.name)
    fault_point("correct:before-rename")
    if target.exists():
        remove_folder(target)
    making.rename(target)
    sync(target.parent)


def _land(wanted: Correction) -> dict[str, Any] | None:
    """Land the backend's inbox; returns the correction's manifest, None if it has the content of the newest dump."""
    code, said = step(["land", "--backend", wanted.table.backend, "--on", str(wanted.arrives)])
    mine = [
        manifest
        for dump in dumps(wanted.arrives)
        if (dump.backend, dump.table, dump.arrived_on) == (wanted.table.backend, wanted.table.name, str(wanted.arrives))
        and (manifest := dump.manifest()).get("slot") == wanted.slot
        and manifest["files"]
    ]
    if code and not mine:
        warn("correct", said.rstrip())
        raise Stop("it was refused; nothing was built of it", REFUSED)
    if not mine:
        say("correct", f"this is what has landed of {wanted.table.label} about {wanted.slot} already")
        return None
    return max(mine, key=lambda manifest: len(manifest["supersedes"]))


def _plan(on: list[str]) -> dict[str, Any]:
    code, said = step(["plan", "--json", *on])
    if code:
        warn("correct", said.rstrip())
        raise Stop("what it touches could not be found out; nothing was changed", FAILED)
    return json_said(said)


def _say_dumps(wanted: Correction, new: dict[str, Any]) -> None:
    old = next(
        dump.manifest()
        for dump in dumps()
        if (dump.backend, dump.table) == (wanted.table.backend, wanted.table.name)
        and dump.dump_id in new["supersedes"][-1:]
    )
    quarantined = sum((new.get("quarantined") or {}).values())
    say(
        "correct",
        f"{wanted.table.label} about {wanted.slot}: {count(new['rows'], 'row')} instead of {old['rows']:,}"
        + (f", {count(quarantined, 'line')} in quarantine" if quarantined else ""),
    )


def _say_plan(wanted: Correction, planned: dict[str, Any]) -> None:
    models = [(entry["model"], entry) for entry in planned["models"]]
    say("correct", f"{count(len(models), 'model')} would be made anew, at most:")
    print_models(models, most=len(models))
    for reader in planned["readers"]:
        say("correct", f"data of {reader['type']} {reader['name']} may change (owner: {reader['owner']})")
    touched = {day[:7] for _, entry in models for day in entry["days"]}
    for books in BOOKS:
        for month, closed_on in closed_months(books).items():
            if str(month)[:7] in touched:
                say(
                    "correct",
                    f"{books}: {month:%Y-%m} was closed on {closed_on} and stays as it is; what differs becomes due in "
                    "the first open month, with its cause",
                )


def _carry_out(wanted: Correction, expected: set[str]) -> int:
    """Land it for good and build; what was rebuilt beyond the preview is named."""
    known = newest_arrival()
    _ship(wanted, folder("inbox"))
    fault_point("correct:before-land")
    new = _land(wanted)
    if new is None:
        return _go_on(wanted)
    say("correct", f"landed as dump {new['dump_id']} of {wanted.arrives}; the dump before is kept, superseded")
    if wanted.arrives > known:
        say("correct", f"the night of {wanted.arrives} builds it: ./nightshift night")
        return DONE
    fault_point("correct:before-build")
    return _build(max(wanted.arrives, known), expected)


def _go_on(wanted: Correction) -> int:
    """Build what an interrupted correction landed and did not build."""
    with night_lock("correct"), warehouse() as connection:
        built = get_day(connection)
    landed_on = max(_arrivals(wanted.table, wanted.slot))
    if built is None or landed_on > str(built):
        say("correct", f"the night of {landed_on} builds it: ./nightshift night")
        return DONE
    planned = _plan(["--on", str(built)])["models"]
    if not planned:
        say("correct", "and what it touches is built")
        return DONE
    return _build(built, {entry["model"] for entry in planned})


def _build(on_day: date, expected: set[str]) -> int:
    """Build as of a day, and say what was made anew."""
    code, said = step(["build", "--on", str(on_day)])
    if code not in (DONE, FAILED):
        warn("correct", said.rstrip())
        raise Stop("it is landed, but the build stopped; run ./nightshift build", code)
    rebuilt = (read_json(folder("warehouse") / REPORT) or {}).get("rebuilt", [])
    print_models([(entry["model"], entry) for entry in rebuilt])
    say("correct", f"{count(len(rebuilt), 'table')} restated: {days(_days(rebuilt)) or 'none by day'}")
    for name in sorted({entry["model"] for entry in rebuilt} - expected):
        warn("correct", f"{name} was rebuilt, too, which the preview did not say")
    if code:
        warn("correct", said.rstrip()[-2000:])
    say("correct", "readers see it after ./nightshift publish, or with the next night")
    return code


def _days(rebuilt: list[dict[str, Any]]) -> Iterator[str]:
    for entry in rebuilt:
        yield from entry["days"]
