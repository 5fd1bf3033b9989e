"""Named places where a test may kill the process, so that "killed anywhere" can be shown and not hoped."""

from __future__ import annotations

import os
import signal


def fault_point(name: str) -> None:
    """Die here by SIGKILL if ``NIGHTSHIFT_FAULT`` names this point (``name`` or ``name#3`` for its third visit)."""
    wanted = os.environ.get("NIGHTSHIFT_FAULT")
    if not wanted:
        return
    point, _, visit = wanted.partition("#")
    if point != name:
        return
    _visits[name] = _visits.get(name, 0) + 1
    if _visits[name] == int(visit or 1):
        os.kill(os.getpid(), signal.SIGKILL)


_visits: dict[str, int] = {}
