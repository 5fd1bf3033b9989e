"""Where commands of the books can be killed, books that want two people, and somebody who holds the night's lock."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.home import PROJECT

# The points of one landing, in order.
LANDING = ("staged", "typed", "after-vault", "before-manifest", "before-rename", "after-rename")


def wanting_approval(root: Path, books: str) -> Path:
    """The same project, but for these books, which want an approval."""
    (root / "seeds").mkdir(parents=True)
    (root / "backends").symlink_to(PROJECT / "backends")
    (root / "seeds/accounts.csv").symlink_to(PROJECT / "seeds/accounts.csv")
    text = (PROJECT / "seeds/books.csv").read_text().replace(f"{books},2025-01-01,false", f"{books},2025-01-01,true")
    assert "true" in text
    (root / "seeds/books.csv").write_text(text)
    return root


def named_points(*modules: str) -> set[str]:
    """The points that these modules of scripts/ name; a variable part of a name is a star."""
    found = set()
    for module in modules:
        for name in re.findall(r'fault_point\(f?"([^"]+)"\)', (PROJECT / f"scripts/{module}.py").read_text()):
            found.add(re.sub(r"\{.*?\}", "*", name))
    return found


@contextmanager
def holding_the_night(home: Path) -> Iterator[int]:
    """Another process holds the night's lock of a home for as long as the block lasts; yields its number."""
    hold = (
        "import time\nfrom scripts.lock import night_lock\n"
        "with night_lock('night'):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    environment = {**os.environ, "NIGHTSHIFT_HOME": str(home)}
    with subprocess.Popen(
        [sys.executable, "-c", hold], env=environment, cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            holder.stdout.readline()
            yield holder.pid
        finally:
            holder.kill()
