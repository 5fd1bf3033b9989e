"""``determinism``: the same landing built in other ways must be the same marts, byte by byte of what they mean."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import click

from scripts.backends import load_all
from scripts.comparing.telling import as_text
from scripts.console import DONE, FAILED, REFUSED, Stop, count, duration, say, table, warn
from scripts.home import at_home, home
from scripts.land import landing_lock
from scripts.lock import night_lock
from scripts.preview import UNTESTED
from scripts.replay import living_day, unlike_living
from scripts.scratch import scratch_home, share, step

COMMITMENTS = "nightshift"


@dataclass(frozen=True)
class Way:
    """One way to come from dumps to marts; ``environment``: what its steps are told."""

    name: str
    what: str
    environment: Mapping[str, str] = field(default_factory=dict)
    lands_again: bool = False


def _machine(threads: int, memory: str, zone: str, locale: str) -> dict[str, str]:
    return {
        "NIGHTSHIFT_THREADS": str(threads),
        "NIGHTSHIFT_DBT_THREADS": str(min(threads, 4)),
        "NIGHTSHIFT_MEMORY": memory,
        "TZ": zone,
        "LC_ALL": locale,
    }


# Zones that are hours and quarters of an hour apart, with and without summer time, on both sides of the date line.
WAYS = (
    Way("one", "1 thread, 1.5 GB, New York, C", _machine(1, "1500MB", "America/New_York", "C")),
    Way("two", "2 threads, 6 GB, Kathmandu, Turkish", _machine(2, "6GB", "Asia/Kathmandu", "tr_TR.UTF-8")),
    Way("eight", "8 threads, 3 GB, Kiritimati, C.UTF-8", _machine(8, "3GB", "Pacific/Kiritimati", "C.UTF-8")),
    Way("order", "dumps of every other backend a night later, the last backends first", lands_again=True),
)


@click.command()
@click.option("--way", "wanted", multiple=True, type=click.Choice([way.name for way in WAYS]), help="Only this way.")
def determinism(wanted: tuple[str, ...]) -> int:
    """Build the landing anew in several ways and compare every mart with the living warehouse.

    The living warehouse was made night by night. Each way is one full rebuild from nothing, beside it (under scratch/):
    with 1, 2 and 8 threads, each with another limit of memory, time zone and locale; and once from the inbox, landed
    and built in two nights, each of which brings half of the backends. Whatever Nightshift has committed is there each
    time. A mart is the same if the ledger's hash of each of its days is, or its rows are.

    \b
    Examples
      ./nightshift determinism                 all ways, each as long as a first build
      ./nightshift determinism --way eight
      ./nightshift determinism --way one --way order

    Exit code 4: a mart differs; its rows are shown (build first: what is stale differs, too).
    """
    day = living_day()
    if day is None:
        raise Stop("nothing is built yet; run `./nightshift night` first")
    rows, worst = [], DONE
    for way in WAYS:
        if wanted and way.name not in wanted:
            continue
        began = time.monotonic()
        with scratch_home("determinism") as root:
            _make(way, root, day)
            compared, differing = unlike_living(root)
        rows.append([way.name, way.what, compared, len(differing), duration(time.monotonic() - began)])
        say("determinism", f"{way.name}: {count(compared, 'mart')} compared, {len(differing)} differ")
        for text in as_text(differing):
            warn("determinism", text)
            worst = FAILED
    print(table(["way", "what is other than usual", "marts", "differ", "took"], rows))
    return worst


def _make(way: Way, root: Path, day: date) -> None:
    """A warehouse made in one way, in an empty home over this home's landing."""
    if not way.lands_again:
        _run(root, ["build", "--on", str(day), *UNTESTED], way.environment)
        return
    _without_its_dumps(root)
    backends = sorted(set(load_all()) - {COMMITMENTS}, reverse=True)
    # with half of the backends not everything can be built, such as amounts without their rates
    for half, enough in ((backends[::2], (DONE, REFUSED, FAILED)), (backends[1::2], (DONE, REFUSED))):
        for backend in half:
            _run(root, ["land", "--backend", backend, "--on", str(day)])
        _run(root, ["build", "--on", str(day), *UNTESTED], enough=enough)


def _without_its_dumps(root: Path) -> None:
    """Give a scratch home a landing of its own, with what Nightshift has committed; people keep their pseudonyms."""
    (root / "landing").unlink()
    (root / "landing").mkdir()
    share(root, ("inbox",))
    with night_lock("determinism"), landing_lock("determinism"):
        for part in (f"landing/{COMMITMENTS}", "vault"):
            if (home() / part).exists():
                shutil.copytree(home() / part, root / part)


def _run(
    root: Path,
    arguments: list[str],
    environment: Mapping[str, str] | None = None,
    enough: tuple[int, ...] = (DONE, REFUSED),
) -> None:
    with at_home(root):
        code, said = step(arguments, **(environment or {}))
    if code not in enough:
        raise Stop(f"./nightshift {' '.join(arguments)} in {root} ended with {code}:\n{said.rstrip()}", FAILED)
