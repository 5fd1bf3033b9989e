"""Somebody who reads all the time: whatever a link shows, however briefly, is one of the versions that may be shown."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from scripts.chaos.state import shown


def links(home: Path) -> list[Path]:
    """What readers and backends follow."""
    return [*home.glob("published/current"), *home.glob("published/hourly/current"), *home.glob("exports/*/current")]


def versions(*homes: Path) -> set[tuple[str, str]]:
    """What may be seen: by link, what it shows in each of these homes."""
    return {(str(link.relative_to(home)), shown(link.resolve())) for home in homes for link in links(home)}


class Reader(threading.Thread):
    """Follows every link every few milliseconds. ``wrong`` is what should never have been seen."""

    def __init__(self, home: Path, allowed: set[tuple[str, str]]) -> None:
        super().__init__(daemon=True)
        self.home, self.allowed = home, allowed
        self.seen: dict[str, str] = {}
        self.looks = 0
        self.wrong: list[str] = []
        self.over = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while not self.over.is_set():
            self.look()
            time.sleep(0.005)

    def look(self) -> None:
        """Follow every link once; what is behind is read when it is another than last time."""
        for link in links(self.home):
            self.looks += 1
            name = str(link.relative_to(self.home))
            target = str(link.readlink())
            if self.seen.get(name) == target:
                continue
            self.seen[name] = target
            try:
                found = shown(link.parent / target)
            except Exception as error:  # whatever a reader would meet
                found = f"{type(error).__name__}: {error}"
            if (name, found) not in self.allowed and str(link.readlink()) == target:
                self.wrong.append(f"{name} -> {target}: {found[:200]}")

    def stop(self) -> None:
        """Look once more and end."""
        self.over.set()
        self.join()
        self.look()
