"""``chaos``: kill every step of a small world wherever it can be killed, run it again, compare."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import click

from scripts.chaos.readers import Reader, versions
from scripts.chaos.state import leftovers, state
from scripts.chaos.troubles import TROUBLES, trouble
from scripts.chaos.world import STAGES, Stage, World, copy, kill, killed_by, run, start
from scripts.console import DONE, FAILED, USAGE, Stop, count, duration, progress, say, table, warn
from scripts.faults import POINTS
from scripts.files import remove_folder
from scripts.home import home

KILLED = (-9, 137, 5)  # by itself, by a shell that says so, or a step whose child was killed
IN_A_ROW = 6


@dataclass
class Tally:
    """What became of one step's kills."""

    points: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    at_random: int = 0
    troubles: Counter[str] = field(default_factory=Counter)
    spared: list[str] = field(default_factory=list)
    recoveries: int = 0
    taken_over: int = 0
    looks: int = 0
    differences: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    half_seen: list[str] = field(default_factory=list)

    @property
    def harm(self) -> int:
        """How much differs, is left over or was seen by half."""
        return len(self.differences) + len(self.leftovers) + len(self.half_seen)


@click.command()
@click.option("--list", "listed", is_flag=True, help="Print the fault points and do nothing.")
@click.option("--step", "steps", multiple=True, type=click.Choice([s.name for s in STAGES]), help="Only this step.")
@click.option("--point", "wanted", multiple=True, help="Only this point (may be given several times).")
@click.option("--trouble", "troubled", multiple=True, type=click.Choice(TROUBLES), help="Only this trouble.")
@click.option("--kills", type=click.IntRange(0), default=0, show_default=True, help="Kills at random moments on top.")
@click.option("--seed", default=1, show_default=True, help="Of the random moments.")
@click.option("--world", "place", type=click.Path(path_type=Path), help="Where (default: chaos/ under the home).")
def chaos(
    listed: bool, steps: tuple[str, ...], wanted: tuple[str, ...], troubled: tuple[str, ...], kills: int, seed: int,
    place: Path | None,
) -> int:  # fmt: skip
    """Kill steps by SIGKILL at every named fault point and at random moments, run them again, compare.

    It works on a small simulated world of its own, made once. For each kill, the step begins in the state that the
    step before left, is killed, and run again until it ends. Then everything must be what it is when nobody is killed:
    every published mart, export, landed dump, the ledger, the vault's people. Meanwhile somebody reads all the time
    and may see the old version or the new one, nothing else; and no file may be there that is not there otherwise.

    Besides, each step once meets a disk that is full before it is done, and once is killed while the clock is an hour
    ahead of what it is when the step is run again (where unshare(1) and faketime(1) are there).

    A random kill counts once the step holds its lock, which is before its first write and after its imports.

    \b
    Examples
      ./nightshift chaos                                   every named point
      ./nightshift chaos --step publish --kills 50         one step, and 50 random kills of it
      ./nightshift chaos --kills 1000 --seed 7             hours
      ./nightshift chaos --point publish:before-link
      ./nightshift chaos --step index --trouble "full disk"
      ./nightshift chaos --list

    Exit code 4: something differed, was left behind or was seen by half; it is named, and the state is kept.
    """
    if listed:
        rows = [[point, killed_by(point), meaning] for point, meaning in POINTS.items()]
        print(table(["point", "killed by", "what has happened by then"], rows))
        return DONE
    if unknown := set(wanted) - {point.partition("#")[0] for point in POINTS} and {
        w for w in wanted if w not in POINTS
    }:
        raise Stop(f"no fault point is called {', '.join(sorted(unknown))} (./nightshift chaos --list)", USAGE)
    stages = [stage for stage in STAGES if not steps or stage.name in steps]
    if wanted:
        stages = [stage for stage in stages if set(wanted) & set(stage.named())]
    began = time.monotonic()
    world = World((place or home() / "chaos").resolve())
    world.prepare(stages)
    chances = random.Random(seed)
    tallies: dict[str, Tally] = {}
    for stage, number in zip(stages, _shares(world, stages, kills), strict=True):
        tallies[stage.name] = tally = Tally()
        points = [point for point in stage.named() if point in wanted or not (wanted or troubled)]
        worries = [name for name in TROUBLES if name in troubled or not (wanted or troubled)]
        rows = [*_rows(stage, [*points, *[""] * number]), *([name] for name in worries)]
        for row in progress(rows, f"chaos {stage.name}"):
            _disturb(world, stage, row, chances, tally)
    return _tell(tallies, time.monotonic() - began)


def _shares(world: World, stages: list[Stage], kills: int) -> list[int]:
    """How many random kills each step gets: the quicker it is, the more."""
    weights = [1 / max(world.seconds[stage.name], 1.0) for stage in stages]
    exact = [kills * weight / sum(weights) for weight in weights]
    shares = [int(share) for share in exact]
    for place in sorted(range(len(stages)), key=lambda n: shares[n] - exact[n])[: kills - sum(shares)]:
        shares[place] += 1
    return shares


def _rows(stage: Stage, faults: list[str]) -> list[list[str]]:
    """Kills that are made in a row before the step may end: one, or several where a step takes minutes."""
    together = IN_A_ROW if stage.is_slow else 1
    return [faults[n : n + together] for n in range(0, len(faults), together)]


def _disturb(world: World, stage: Stage, faults: list[str], chances: random.Random, tally: Tally) -> None:
    """Kill a step as often as there are faults (empty: at a random moment), run it to its end, compare."""
    place = world.root / "disturbed"
    copy(world.at(stage.after), place)
    reader = Reader(place, versions(world.at(stage.after), world.at(stage.name)))
    known = tally.harm
    killed = 0
    for name in set(faults) & set(TROUBLES):  # readers come afterwards: a home goes to a small disk and back
        if why := trouble(place, stage, name, world.at(stage.name), chances):
            tally.spared.append(f"{name}: {why}")
        else:
            tally.troubles[name] += 1
            killed += 1
    reader.start()
    for fault in (f for f in faults if f not in TROUBLES):
        if fault:
            done = run(place, stage.command, fault)
            if done.returncode in KILLED:
                tally.points[fault] += 1
                killed += 1
            else:
                tally.missed.append(fault)
        elif _killed_at_random(place, stage, world.seconds[stage.name], chances):
            tally.at_random += 1
            killed += 1
    done = run(place, stage.command)
    reader.stop()
    tally.looks += reader.looks
    tally.taken_over += "no longer running" in done.stderr
    what = f"{stage.name} killed at {', '.join(fault or 'a random moment' for fault in faults)}"
    if done.returncode not in (0, 4):
        tally.differences.append(f"{what}: ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    else:
        tally.recoveries += killed
    now, expected = state(place), world.states[stage.name]
    tally.differences += [
        f"{what}: {name}" for name in sorted(set(now) | set(expected)) if now.get(name) != expected.get(name)
    ]
    tally.leftovers += [f"{what}: {name}" for name in leftovers(place, world.at(stage.name))]
    tally.half_seen += [f"{what}: {text}" for text in reader.wrong]
    if tally.harm == known:
        remove_folder(place)
    elif place.exists():
        place.rename(world.root / f"kept-{stage.name}-{int(time.time())}")


def _killed_at_random(place: Path, stage: Stage, seconds: float, chances: random.Random) -> bool:
    """Kill a step some time after it took its lock; False if it was done before."""
    lock = (
        place
        / "warehouse"
        / f"{'hour' if stage.name == 'hour' else 'landing' if stage.name == 'land' else 'night'}.lock"
    )
    before = lock.read_text() if lock.exists() else ""
    process = start(place, stage.command)
    while process.poll() is None and (not lock.exists() or lock.read_text() in ("", before)):
        time.sleep(0.005)
    deadline = time.monotonic() + chances.uniform(0, seconds)
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    if process.poll() is not None:
        process.communicate()
        return False
    kill(process)
    return True


def _tell(tallies: dict[str, Tally], seconds: float) -> int:
    rows = [
        [name, sum(t.points.values()), t.at_random, sum(t.troubles.values()), t.recoveries, t.taken_over, t.looks,
         len(t.differences), len(t.leftovers), len(t.half_seen)]
        for name, t in tallies.items()
    ]  # fmt: skip
    rows.append(["together", *(sum(column) for column in zip(*(row[1:] for row in rows), strict=True))])
    header = [
        "step",
        "at points",
        "at random",
        "troubled",
        "recovered",
        "locks taken over",
        "looks",
        "differences",
        "left over",
        "half seen",
    ]
    print(table(header, rows))
    for name, tally in tallies.items():
        passed = ", ".join(f"{point} {number}" for point, number in tally.points.items())
        say("chaos", f"{name}: {passed or 'no point'}")
        for text in tally.spared:
            warn("chaos", f"{name} was spared a {text}")
        if tally.missed:
            warn("chaos", f"{name} does not pass {', '.join(tally.missed)} in this world")
        for text in [*tally.differences[:10], *tally.leftovers[:10], *tally.half_seen[:10]]:
            warn("chaos", text)
    good = not any(tally.harm for tally in tallies.values())
    verdict = "all as if nobody had been killed" if good else "see above"
    done = f"{count(sum(rows[-1][1:3]), 'kill')}, {count(rows[-1][3], 'trouble')} in {duration(seconds)}"
    say("chaos", f"{done}: {verdict}")
    return DONE if good else FAILED
