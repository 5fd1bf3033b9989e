"""The small world that chaos works on, made once: a first load and the state before each step of the night after it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from scripts import fingerprint
from scripts.chaos.state import state
from scripts.console import STOPPED, Stop, duration, say
from scripts.faults import ASKED, POINTS
from scripts.files import read_json, remove_folder, replace_json
from scripts.home import PROJECT

BEFORE, FIRST, NIGHT = "2026-01-03", "2026-01-04", "2026-01-05"
# Named, because a rollback that names no run goes back one more each time it is run.
ROLLED_BACK_TO = f"{BEFORE}-1"
SIZE = [
    "--days",
    "36",
    "--members",
    "120",
    "--artists",
    "60",
    "--tracks",
    "200",
    "--plays-per-day",
    "150",
    "--seed",
    "7",
]
# Keys of nobody: the same people get the same pseudonyms, so that runs compare.
KEYS = {"NIGHTSHIFT_PSEUDONYM_SEED": "test", "NIGHTSHIFT_MASTER_KEY": "22" * 32}
MADE = "made.json"


@dataclass(frozen=True)
class Stage:
    """One step, and which points it passes. ``after``: whose result it begins with."""

    name: str
    command: tuple[str, ...]
    points: tuple[str, ...]
    after: str
    is_slow: bool = False  # minutes, so its kills are made in a row, and what is run again is run once

    def named(self) -> list[str]:
        """The points of the list that are this stage's."""
        return [point for point in POINTS if any(fnmatch(point, pattern) for pattern in self.points)]


STAGES = (
    Stage("land", ("land", "--on", NIGHT), ("land:[!ep]*", "vault:before-keys", "vault:before-contents"), "base"),
    Stage("build", ("build", "--on", NIGHT), ("build:[!s]*", "build:swap*"), "land", is_slow=True),
    Stage("publish", ("publish", "--keep", "1"), ("publish:*", "files:*"), "build"),
    Stage("index", ("index",), ("index:*",), "publish"),
    Stage("judge", ("judge",), ("judge:*",), "index"),
    Stage("recommend", ("recommend",), ("recommend:*",), "judge"),
    Stage("post", ("post", "--by", "chaos"), ("post:*",), "recommend"),
    Stage("rollback", ("rollback", ROLLED_BACK_TO), ("rollback:*",), "base"),
    Stage("hour", ("hour", "--at", f"{NIGHT}T10:00Z"), ("hour:*",), "base", is_slow=True),
    Stage("night", ("night", "--on", NIGHT), ("night:*",), "base", is_slow=True),
)

# Points that no step above passes in this world, by what they begin with: the test that kills there.
ELSEWHERE = {
    "approve:": "test_finance_posting", "backup:": "test_backup", "build:seed": "test_ledger_kills",
    "campaign:": "test_campaigns", "ci:": "test_ci", "clean:": "test_clean", "close:": "test_finance_posting",
    "close-royalties:": "test_royalties_closing", "correct:": "test_correct", "decide:": "test_risk_kills",
    "deferred:": "test_deferred", "deliver:": "test_deliver", "docs:": "test_night",
    "export:": "test_royalties_closing",
    "fraud-export:": "test_risk_kills", "gc:": "test_gc", "land:extracted": "test_land_postgres",
    "land:postgres": "test_land_postgres", "prepare:": "test_finance_posting", "rebuild:": "test_deferred",
    "registry:": "test_registry", "restore:": "test_backup", "scratch:": "test_correct", "sink:": "test_sink",
    "statements:": "test_royalties_closing", "train:": "test_risk_kills", "vault:": "test_vault",
}  # fmt: skip


def killed_by(point: str) -> str:
    """The step of chaos, or else the test, that kills at a point; empty if neither does."""
    step = next((stage.name for stage in STAGES if point in stage.named()), "")
    return step or next((test for start, test in ELSEWHERE.items() if point.startswith(start)), "")


@dataclass
class World:
    """A folder with the states before and after each stage, undisturbed."""

    root: Path
    states: dict[str, dict[str, str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def at(self, name: str) -> Path:
        """The home as a stage left it undisturbed (``base``: before any)."""
        return self.root / name

    def prepare(self, wanted: list[Stage]) -> None:
        """Make what is missing or was made by another version of the project."""
        made = read_json(self.root / MADE) or {}
        known = {"project": fingerprint.of_models(), "size": SIZE}
        if made.get("known") != known:
            for old in self.root.iterdir() if self.root.exists() else ():
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            self.root.mkdir(parents=True, exist_ok=True)
            made = {"known": known, "seconds": {}}
            self._first_load()
            replace_json(self.root / MADE, made)
        for stage in self._needed(wanted):
            if stage.name not in made["seconds"]:
                say("chaos", f"{stage.name}, undisturbed")
                copy(self.at(stage.after), self.at(stage.name))
                began = time.monotonic()
                done = run(self.at(stage.name), stage.command)
                if done.returncode not in (0, 4):
                    raise Stop(
                        f"{stage.name} fails when nothing disturbs it:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
                    )
                made["seconds"][stage.name] = time.monotonic() - began
                replace_json(self.root / MADE, made)
        self.seconds = made["seconds"]
        for name in {"base", *(stage.name for stage in wanted), *(stage.after for stage in wanted)}:
            self.states[name] = state(self.at(name))

    def _needed(self, wanted: list[Stage]) -> list[Stage]:
        names = {stage.name for stage in wanted}
        for stage in reversed(STAGES):
            if stage.name in names:
                names.add(stage.after)
        return [stage for stage in STAGES if stage.name in names]

    def _first_load(self) -> None:
        say("chaos", f"a small world under {self.root}, once")
        base = self.at("base")
        base.mkdir()
        for command in (["simulate", *SIZE], ["night", "--on", BEFORE], ["night", "--on", FIRST]):
            began = time.monotonic()
            done = run(base, command)
            if done.returncode not in (0, 4):
                raise Stop(f"the small world could not be made:\n{done.stdout[-2000:]}{done.stderr[-2000:]}", STOPPED)
            say("chaos", f"{command[0]} ({duration(time.monotonic() - began)})")


def copy(source: Path, target: Path) -> None:
    """A home of its own: every file copied, hard links kept as links among themselves."""
    if target.exists():
        remove_folder(target)
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True)


def environment(home: Path, fault: str = "") -> dict[str, str]:
    """What a step of the world is told."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NIGHTSHIFT_LOCK", ASKED)}
    python = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
    asked = {ASKED: fault} if fault else {}
    return {"NIGHTSHIFT_MEMORY": "2GB", **kept, **KEYS, "NIGHTSHIFT_HOME": str(home), "PYTHONPATH": python, **asked}


def start(home: Path, command: tuple[str, ...] | list[str], fault: str = "", clock: str = "") -> subprocess.Popen[str]:
    """A step as a group of processes of its own, so that all of it can be killed at once.

    ``clock``: how far its clock is off, such as ``+1h`` (by faketime(1); timers go on as they do).
    """
    off = ["env", "NO_FAKE_STAT=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", "-f", clock] if clock else []
    return subprocess.Popen(
        [*off, sys.executable, "-m", "scripts.nightshift", *command], cwd=PROJECT, env=environment(home, fault),
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def run(
    home: Path, command: tuple[str, ...] | list[str], fault: str = "", clock: str = ""
) -> subprocess.CompletedProcess[str]:
    """A step to its end."""
    with start(home, command, fault, clock) as process:
        out, err = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def kill(process: subprocess.Popen[str]) -> None:
    """All of a step, at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
