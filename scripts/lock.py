"""One night at a time: the lock that every step which writes takes.

It is the kernel's lock on a file (``flock``), so it ends with the process that holds it, however that one ends; the
text in the file only says who holds it, for people. ``night`` hands its lock down to the steps it starts: while a step
of a killed night still writes, nobody else begins.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from scripts.console import LOCKED, STOPPED, Stop, warn
from scripts.home import folder, home

HANDED_DOWN = "NIGHTSHIFT_LOCK"
# Where a restore makes a root's state, and the file that says all of it is there: from then on the root is half old,
# half new, and no step may run until the restore has finished.
RESTORING, WHOLE = ".restoring", "_whole.json"
# Every lock under which state is written, outermost first, as the steps take them.
LOCKS = ("night", "hour", "deliver", "landing")


def lock_file(name: str = "night") -> Path:
    """Where the lock called ``name`` lies (the hourly run has one of its own)."""
    return folder("warehouse") / f"{name}.lock"


def holder(name: str = "night") -> dict[str, object] | None:
    """Who holds the lock now (``pid``, ``command``, ``since``), or None. Never waits, changes nothing."""
    path = lock_file(name)
    if not path.exists():
        return None
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(path)
    return None


@contextmanager
def night_lock(command: str, name: str = "night", wait_seconds: float = 0) -> Iterator[int]:
    """Hold the lock for ``command``, or stop with exit code 3 and say who holds it since when.

    ``wait_seconds`` is how long to wait for a holder to end first. Yields the file descriptor, to be handed to child
    processes (see ``hand_down``).
    """
    if command != "restore" and (home() / RESTORING / WHOLE).exists():
        raise Stop(f"a restore into {home()} did not finish; run `./nightshift restore` again first", STOPPED)
    path = lock_file(name)
    descriptor = _handed_down(path, name)
    if descriptor is not None:
        sign(descriptor, command)
        yield descriptor
        return
    deadline = time.monotonic() + wait_seconds
    while (descriptor := _acquired(path)) is None:
        if time.monotonic() >= deadline:
            raise Stop(f"the lock is held by {who(_read(path))}; nothing was done", LOCKED)
        time.sleep(0.2)
    try:
        if left := _read(path):
            warn("lock", f"taken over from {who(left)}, which is no longer running")
        sign(descriptor, command)
        try:
            yield descriptor
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


@contextmanager
def all_locks(command: str, wait_seconds: float) -> Iterator[None]:
    """Hold everything that writes still: the night, the hour, the sender, the landing."""
    with ExitStack() as held:
        for name in LOCKS:
            held.enter_context(night_lock(command, name, wait_seconds))
        yield


def hand_down(descriptor: int, name: str = "night") -> dict[str, object]:
    """Arguments for ``subprocess`` by which a child shares the lock instead of meeting it."""
    return {"pass_fds": [descriptor], "env": {**os.environ, HANDED_DOWN: f"{name}:{descriptor}"}}


def sign(descriptor: int, command: str) -> None:
    """Write down who holds the lock and for which command."""
    text = json.dumps({"pid": os.getpid(), "command": command, "since": datetime.now(UTC).isoformat(" ", "seconds")})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


def who(found: dict[str, object]) -> str:
    """The holder in words."""
    if not found:
        return "another process"
    return f"`{found.get('command')}` (process {found.get('pid')}) since {found.get('since')}"


def _handed_down(path: Path, name: str) -> int | None:
    """The descriptor inherited from the night that started this step, if it is this very lock."""
    of, _, number = os.environ.get(HANDED_DOWN, "").partition(":")
    if of != name or not path.exists():
        return None
    try:
        is_same = os.path.samestat(os.fstat(int(number)), path.stat())
    except (OSError, ValueError):
        return None
    return int(number) if is_same else None


def _acquired(path: Path) -> int | None:
    """The lock's file, open and locked, or None if a step holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    if _take(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _take(descriptor: int) -> bool:
    """Take the lock, or find it held by a step: a moment is left to one that is ending.

    One who only looks at it (see ``holder``) is waited for and does not count, however often it looks.
    """
    held = 0
    while held < 5:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            pass
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            time.sleep(random.uniform(0.001, 0.01))  # two who meet here are not in step for long
        except BlockingIOError:
            held += 1
            time.sleep(0.02 * held)
    return False


def _read(path: Path) -> dict[str, object]:
    try:
        return json.loads(path.read_text() or "{}")
    except (OSError, ValueError):
        return {}
