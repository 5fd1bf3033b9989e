"""Histories of dumps as life writes them, over nights: late, again, corrected, missing, coming back, taken away."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from ledger_harness import Ledger

NIGHTS = 4


@dataclass(frozen=True)
class Dump:
    """What happens to one dump on one night: it lands, or (``gone``) its folder is taken away."""

    night: int
    table: str
    rows: tuple[tuple, ...]
    covers_on: str
    number: int
    supersedes: int | None = None
    gone: bool = False


def history(random: Random, case: int) -> list[Dump]:
    """What one small company ships in a few days of its own (two months a case), spread over the nights."""
    first = date(1900 + case // 6, 1 + case % 6 * 2, random.choice([1, 2, 28]))
    days = [
        str(first + timedelta(days=offset))
        for offset in range(random.randint(1, 4))
        if offset == 0 or random.random() < 0.8
    ]
    dumps: list[Dump] = []

    def play(day: str) -> tuple:
        number = random.randrange(6)
        return (
            f"{case}:{day}:{number}",
            f"{case}:u{number % 3}",
            f"{case}:t{number % 2}",
            random.choice([29_000, 30_000, 31_000 + number]),
            day,
        )

    def add(
        night: int, table: str, rows: list[tuple], covers_on: str, supersedes: int | None = None, gone: bool = False
    ) -> None:
        dumps.append(Dump(night, table, tuple(rows), covers_on, len(dumps), supersedes, gone))

    for day in days:
        night = random.randrange(NIGHTS)
        add(
            night,
            "plays",
            [play(random.choice(days) if random.random() < 0.2 else day) for _ in range(random.randrange(5))],
            day,
        )
        for later in range(night + 1, NIGHTS):
            what = random.random()
            last = next(dump for dump in reversed(dumps) if dump.table == "plays" and dump.covers_on == day)
            if what < 0.15:
                add(later, "plays", list(last.rows[: random.randrange(len(last.rows) + 1)]), day, last.number)
            elif what < 0.25 and last.supersedes is not None:
                add(later, "plays", list(dumps[last.supersedes].rows), day, last.number)
            elif what < 0.35:
                add(later, "plays", [*last.rows, play(day)][:3], day)
            elif what < 0.4:
                add(later, "plays", list(last.rows), day, gone=True)
                break
    for day in days:
        if random.random() < 0.6:
            night = random.randrange(NIGHTS)
            add(night, "tracks", tracks(random, case), day)
            if night + 1 < NIGHTS and random.random() < 0.3:
                add(random.randrange(night + 1, NIGHTS), "tracks", tracks(random, case), day, dumps[-1].number)
    # ends with tracks of nobody, so that what is valid later does not depend on this case
    add(0, "tracks", [(f"{case}:t0", None), (f"{case}:t1", None)], str(first + timedelta(days=20)))
    return dumps


def tracks(random: Random, case: int) -> list[tuple]:
    """A snapshot of two tracks, of which some may be missing."""
    return [(f"{case}:t{number}", f"{case}:a{random.randrange(3)}") for number in range(2) if random.random() < 0.8]


def land_night(ledger: Ledger, dumps: list[Dump], night: int, landed: dict[int, tuple[str, str]]) -> None:
    """Lets one night's dumps of a history arrive; ``landed`` remembers folder and id of each."""
    arrived_on = f"2099-01-0{night + 1}"
    for dump in dumps:
        if dump.night != night:
            continue
        if dump.gone:
            for folder in {
                folder
                for other in dumps
                if other.number in landed and other.covers_on == dump.covers_on and other.table == dump.table
                for folder in [landed.pop(other.number)[0]]
            }:
                shutil.rmtree(ledger.home / folder, ignore_errors=True)
            continue
        superseded = [landed[dump.supersedes][1]] if dump.supersedes in landed else []
        try:
            dump_id = ledger.land(arrived_on, list(dump.rows), dump.table, superseded, dump.covers_on)
        except FileExistsError:
            continue  # the very same content twice on a day is one dump
        landed[dump.number] = (f"landing/playback/{dump.table}/dt={arrived_on}/{dump_id}", dump_id)
