"""What can go wrong with the machine under a step: its disk is full, its clock is set back."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.chaos.world import Stage, environment, run
from scripts.files import files_below, remove_folder
from scripts.home import PROJECT

FULL_DISK, CLOCK_BACK = "full disk", "clock an hour back"
TROUBLES = (FULL_DISK, CLOCK_BACK)
# What can be written before the disk is full, as shares of what the step adds; the next if one was enough for it.
SHARES = (0.5, 0.1, 0.01)
# In a name space of its own, where anybody may mount: the home on a disk in memory with so much room and no more. The
# step is run there, and the home is taken away as the step left it. ``$1`` home, ``$2`` room in bytes, ``$3`` where to.
ON_A_SMALL_DISK = """
mkdir "$3" && mount -t tmpfs -o size=90% tmpfs "$3" && cp -a "$1/." "$3/" && mount --move "$3" "$1" || exit 99
used=$(df --output=used -B1 "$1" | tail -n 1)
mount -o "remount,size=$((used + $2))" "$1" || exit 99
home=$1 left=$3
shift 3
"$@"
code=$?
cp -a "$home/." "$left/" || exit 99
exit $code
"""


def trouble(place: Path, stage: Stage, name: str, expected: Path, chances: random.Random) -> str:
    """Run a step in the home ``place`` while something is wrong; empty if it was, else why nothing was."""
    return _full_disk(place, stage, expected) if name == FULL_DISK else _clock_back(place, stage, chances)


def _full_disk(place: Path, stage: Stage, expected: Path) -> str:
    if shutil.which("unshare") is None:
        return "there is no unshare(1) here"
    added = max(_bytes(expected) - _bytes(place), 1 << 20)
    left = place.with_name("small-disk")
    for share in SHARES[-1:] if stage.is_slow else SHARES:
        if left.exists():
            remove_folder(left)
        step = [sys.executable, "-m", "scripts.nightshift", *stage.command]
        told = [str(place), str(int(added * share)), str(left), *step]
        done = subprocess.run(
            ["unshare", "-Urm", "sh", "-c", ON_A_SMALL_DISK, "sh", *told],
            cwd=PROJECT,
            env=environment(place),
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode == 99:
            return f"no small disk can be made here: {done.stderr.strip()[-200:]}"
        if done.returncode:
            remove_folder(place)
            left.rename(place)
            return ""
    remove_folder(left)
    return "it found room for all it had to write"


def _clock_back(place: Path, stage: Stage, chances: random.Random) -> str:
    """Killed at one of its points while the clock is an hour ahead of what it is when the step is run again."""
    if shutil.which("faketime") is None:
        return "there is no faketime(1) here"
    point = chances.choice(stage.named())
    done = run(place, stage.command, point, clock="+1h")
    return "" if done.returncode else f"it does not pass {point}"


def _bytes(root: Path) -> int:
    return sum(Path(entry.path).stat().st_blocks * 512 for entry in files_below(root))
